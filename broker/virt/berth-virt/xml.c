/* xml.c - parse and edit untrusted XML. */
#include "xml.h"

#include <inttypes.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <string.h>

/* No network, no errors on standard error; without NOENT entities are never substituted. */
#define OPTIONS (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS)

/* Out of memory ends the program, as everywhere in Berth; libxml2 returns NULL here for no other
 * reason. */
static void *or_out_of_memory(void *created)
{
    if (!created) {
        (void)fputs("berth-virt: out of memory\n", stderr);
        abort();
    }
    return created;
}

void xml_setup(void)
{
    xmlInitParser();
}

void xml_freep(xmlDoc **doc)
{
    xmlFreeDoc(*doc);
    *doc = NULL;
}

static xmlDoc *check(xmlDoc *doc, const char *root, struct berth_error *reterr)
{
    const xmlNode *node = xmlDocGetRootElement(doc);

    if (doc->intSubset || doc->extSubset)
        (void)berth_fail(reterr, BERTH_E_INVALID, "XML: document type declarations are refused");
    else if (!node || strcmp((const char *)node->name, root) != 0)
        (void)berth_fail(reterr, BERTH_E_INVALID, "XML: the root element must be <%s>", root);
    else
        return doc;
    xmlFreeDoc(doc);
    return NULL;
}

xmlDoc *xml_parse(const char *text, size_t size, size_t max, const char *root,
                  struct berth_error *reterr)
{
    xmlParserCtxt *parser;
    xmlDoc *doc;

    if (size > max) {
        (void)berth_fail(reterr, BERTH_E_TOO_LARGE, "XML: %zu bytes exceed the limit of %zu", size,
                         max);
        return NULL;
    }

    parser = or_out_of_memory(xmlNewParserCtxt());
    doc = xmlCtxtReadMemory(parser, text, (int)size, NULL, NULL, OPTIONS);
    if (!doc) {
        (void)berth_fail(reterr, BERTH_E_INVALID, "XML: line %d: %s", parser->lastError.line,
                         parser->lastError.message ? parser->lastError.message : "not well formed");
    }
    xmlFreeParserCtxt(parser);
    return doc ? check(doc, root, reterr) : NULL;
}

char *xml_text(xmlDoc *doc)
{
    xmlChar *text = NULL;
    char *copy;
    int size = 0;

    xmlDocDumpMemoryEnc(doc, &text, &size, "UTF-8");
    copy = berth_strdup(or_out_of_memory(text));
    xmlFree(text);
    return copy;
}

static bool is_named(const xmlNode *node, const char *name, const char *space)
{
    const char *here = node->ns ? (const char *)node->ns->href : NULL;

    if (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, name) != 0)
        return false;
    return space ? here && strcmp(here, space) == 0 : !here;
}

xmlNode *xml_child(const xmlNode *parent, const char *name, const char *space)
{
    for (xmlNode *node = parent ? parent->children : NULL; node; node = node->next) {
        if (is_named(node, name, space))
            return node;
    }
    return NULL;
}

xmlNode *xml_next(const xmlNode *node)
{
    const char *space = node->ns ? (const char *)node->ns->href : NULL;

    for (xmlNode *next = node->next; next; next = next->next) {
        if (is_named(next, (const char *)node->name, space))
            return next;
    }
    return NULL;
}

xmlNode *xml_add(xmlNode *parent, const char *name)
{
    return or_out_of_memory(xmlNewChild(parent, NULL, BAD_CAST name, NULL));
}

xmlNode *xml_child_made(xmlNode *parent, const char *name)
{
    xmlNode *node = xml_child(parent, name, NULL);

    return node ? node : xml_add(parent, name);
}

void xml_set_text(xmlNode *node, const char *text)
{
    /* xmlNodeSetContent() parses entities, xmlNodeAddContent() takes the text literally. */
    xmlNodeSetContent(node, NULL);
    xmlNodeAddContent(node, BAD_CAST text);
}

void xml_set(xmlNode *node, const char *attribute, const char *value)
{
    (void)or_out_of_memory(xmlSetProp(node, BAD_CAST attribute, BAD_CAST value));
}

void xml_set_number(xmlNode *node, const char *attribute, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    xml_set(node, attribute, text);
}

void xml_unset(xmlNode *node, const char *attribute)
{
    (void)xmlUnsetProp(node, BAD_CAST attribute);
}

void xml_drop(xmlNode *node)
{
    if (!node)
        return;
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

void xml_get(const xmlNode *node, const char *attribute, char *out, size_t size)
{
    xmlChar *value = node ? xmlGetNoNsProp(node, BAD_CAST attribute) : NULL;

    out[0] = '\0';
    if (value && strlen((const char *)value) < size)
        berth_copy_text(out, size, (const char *)value);
    xmlFree(value);
}

void xml_get_text(const xmlNode *node, char *out, size_t size)
{
    xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
    const char *begin = text ? (const char *)text : "";
    size_t length;

    begin += strspn(begin, " \t\r\n");
    length = strlen(begin);
    while (length && strchr(" \t\r\n", begin[length - 1]))
        length--;
    (void)snprintf(out, size, "%.*s", length < size ? (int)length : 0, begin);
    xmlFree(text);
}

bool xml_is(const xmlNode *node, const char *attribute, const char *value)
{
    xmlChar *text = node ? xmlGetNoNsProp(node, BAD_CAST attribute) : NULL;
    bool is = text && strcmp((const char *)text, value) == 0;

    xmlFree(text);
    return is;
}

uint64_t xml_get_number(const xmlNode *node, const char *attribute, uint64_t max)
{
    uint64_t value = 0;
    char text[24];

    xml_get(node, attribute, text, sizeof(text));
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return 0;
    }
    return value <= max ? value : 0;
}
