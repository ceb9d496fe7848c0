/* xml.h - parse and edit untrusted XML, with libxml2.
 *
 * Module virt (berth-virt). Thread: any; call xml_setup once before the first thread starts.
 * Neither templates from administrators nor XML from a hypervisor are trusted: no network, no
 * document type declarations (so no entities), sizes checked before parsing.
 */
#ifndef BERTH_VIRT_XML_H
#define BERTH_VIRT_XML_H

#include <libxml/tree.h>

#include "berth/error.h"

/* libxml2's own BAD_CAST casts const away, although its functions take constant text. */
#undef BAD_CAST
#define BAD_CAST (const xmlChar *)

/* Largest template, and largest XML accepted from a hypervisor. */
#define XML_TEMPLATE_MAX ((size_t)256 * 1024)
#define XML_ANSWER_MAX ((size_t)4 * 1024 * 1024)

/* Initialise libxml2; once, before the first thread starts. */
void xml_setup(void);

/* The tree of `text`, whose root element must be named `root`; free with xmlFreeDoc. NULL with
 * INVALID (and the line) or TOO_LARGE.
 */
xmlDoc *xml_parse(const char *text, size_t size, size_t max, const char *root,
                  struct berth_error *reterr);
void xml_freep(xmlDoc **doc); /* for berth_cleanup */

/* The whole tree as text, to be freed with free(). */
char *xml_text(xmlDoc *doc);

/* First element below `parent` with this name (and, when given, in this namespace); NULL when there
 * is none, or when parent is NULL, so that paths may be walked in one expression.
 */
xmlNode *xml_child(const xmlNode *parent, const char *name, const char *space);

/* The next sibling element of the same name and namespace, or NULL. */
xmlNode *xml_next(const xmlNode *node);

/* As xml_child without namespace, but creates the element when it is absent. */
xmlNode *xml_child_made(xmlNode *parent, const char *name);

/* A new last element of `parent`, in the parent's default namespace. */
xmlNode *xml_add(xmlNode *parent, const char *name);

/* Replace the content of `node` by a literal text. */
void xml_set_text(xmlNode *node, const char *text);
void xml_set(xmlNode *node, const char *attribute, const char *value);
void xml_set_number(xmlNode *node, const char *attribute, uint64_t value);
void xml_unset(xmlNode *node, const char *attribute);

/* Remove and free; NULL is allowed. */
void xml_drop(xmlNode *node);

/* Copy an attribute (without namespace) into a buffer; "" when it is absent or does not fit. */
void xml_get(const xmlNode *node, const char *attribute, char *out, size_t size);
/* The text content without surrounding blanks; "" when there is none or it does not fit. */
void xml_get_text(const xmlNode *node, char *out, size_t size);
bool xml_is(const xmlNode *node, const char *attribute, const char *value);
/* A decimal number of at most `max`; 0 for anything else. */
uint64_t xml_get_number(const xmlNode *node, const char *attribute, uint64_t max);

#endif
