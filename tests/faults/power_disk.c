/* power_disk.c - files in memory, the journal of their changes, and disks after a power cut. */
#include "power_disk.h"

#include <stdio.h>
#include <string.h>

/* ---- bytes ---- */

static void inode_reach(struct power_inode *inode, size_t size)
{
    if (size > inode->capacity) {
        inode->capacity = size + size / 2 + 4096;
        inode->bytes = berth_realloc(inode->bytes, inode->capacity);
    }
}

/* Bytes between the old end and the new one read as zeros. */
static void inode_resize(struct power_inode *inode, size_t size)
{
    inode_reach(inode, size);
    if (size > inode->size)
        memset(inode->bytes + inode->size, 0, size - inode->size);
    inode->size = size;
}

static void inode_put(struct power_inode *inode, size_t offset, const unsigned char *bytes,
                      size_t length)
{
    if (length == 0)
        return;
    if (offset + length > inode->size)
        inode_resize(inode, offset + length);
    memcpy(inode->bytes + offset, bytes, length);
}

static void inode_copy(struct power_inode *to, const struct power_inode *from)
{
    to->size = 0;
    inode_reach(to, from->size);
    if (from->size)
        memcpy(to->bytes, from->bytes, from->size);
    to->size = from->size;
}

static void inode_clear(struct power_inode *inode)
{
    free(inode->bytes);
    *inode = (struct power_inode){ 0 };
}

/* ---- the journal ---- */

static struct power_entry *note(struct power_disk *disk, enum power_kind kind, int inode)
{
    struct power_journal *journal = disk->journal;
    struct power_entry *entry;

    if (!journal)
        return NULL;
    if (journal->count == journal->capacity) {
        journal->capacity = journal->capacity * 2 + 256;
        journal->entries =
            berth_realloc(journal->entries, journal->capacity * sizeof(*journal->entries));
    }
    entry = &journal->entries[journal->count++];
    *entry = (struct power_entry){ .kind = kind, .inode = inode };
    return entry;
}

static void note_bytes(struct power_journal *journal, struct power_entry *entry,
                       const unsigned char *bytes, size_t length)
{
    if (journal->used + length > journal->bytes_capacity) {
        journal->bytes_capacity = (journal->bytes_capacity + length) * 2;
        journal->bytes = berth_realloc(journal->bytes, journal->bytes_capacity);
    }
    memcpy(journal->bytes + journal->used, bytes, length);
    entry->data = journal->used;
    entry->length = length;
    journal->used += length;
}

static void note_name(struct power_disk *disk, enum power_kind kind, int inode, const char *name)
{
    struct power_entry *entry = note(disk, kind, inode);

    if (entry)
        (void)snprintf(entry->name, sizeof(entry->name), "%s", name);
}

void power_journal_clear(struct power_journal *journal)
{
    free(journal->entries);
    free(journal->bytes);
    *journal = (struct power_journal){ 0 };
}

/* ---- names ---- */

static int name_place(const struct power_disk *disk, const char *name)
{
    for (int i = 0; i < disk->name_count; i++)
        if (strcmp(disk->names[i].name, name) == 0)
            return i;
    return -1;
}

static void name_set(struct power_disk *disk, const char *name, int inode)
{
    int place = name_place(disk, name);

    if (place < 0)
        place = disk->name_count++;
    disk->names[place].inode = inode;
    (void)snprintf(disk->names[place].name, sizeof(disk->names[place].name), "%s", name);
}

static void name_drop(struct power_disk *disk, const char *name)
{
    int place = name_place(disk, name);

    if (place >= 0)
        disk->names[place] = disk->names[--disk->name_count];
}

/* ---- the disk ---- */

void power_disk_init(struct power_disk *disk)
{
    memset(disk, 0, sizeof(*disk));
    (void)pthread_mutex_init(&disk->lock, NULL);
}

void power_disk_clear(struct power_disk *disk)
{
    for (int i = 0; i < POWER_INODES; i++) /* also those that a smaller image left unused */
        inode_clear(&disk->inodes[i]);
    disk->inode_count = 0;
    disk->name_count = 0;
}

void power_disk_copy(struct power_disk *to, const struct power_disk *from)
{
    to->inode_count = 0;
    to->name_count = 0;
    for (int i = 0; i < from->name_count; i++) {
        int inode = to->inode_count++;

        inode_copy(&to->inodes[inode], &from->inodes[from->names[i].inode]);
        name_set(to, from->names[i].name, inode);
    }
}

int power_find(const struct power_disk *disk, const char *name)
{
    int place = name_place(disk, name);

    return place < 0 ? -1 : disk->names[place].inode;
}

int power_make(struct power_disk *disk, const char *name)
{
    int inode = disk->inode_count;

    if (inode >= POWER_INODES)
        abort(); /* the workload makes a handful of files between two images */
    disk->inode_count++;
    disk->inodes[inode].size = 0;
    name_set(disk, name, inode);
    note_name(disk, POWER_MAKE, inode, name);
    return inode;
}

void power_delete(struct power_disk *disk, const char *name)
{
    note_name(disk, POWER_DELETE, power_find(disk, name), name);
    name_drop(disk, name);
}

void power_write(struct power_disk *disk, int inode, size_t offset, const void *bytes,
                 size_t length)
{
    struct power_entry *entry = note(disk, POWER_WRITE, inode);

    if (entry) {
        entry->offset = offset;
        note_bytes(disk->journal, entry, bytes, length);
    }
    inode_put(&disk->inodes[inode], offset, bytes, length);
}

void power_truncate(struct power_disk *disk, int inode, size_t size)
{
    struct power_entry *entry = note(disk, POWER_CUT_OFF, inode);

    if (entry)
        entry->offset = size;
    inode_resize(&disk->inodes[inode], size);
}

void power_sync(struct power_disk *disk, int inode)
{
    (void)note(disk, POWER_SYNC, inode);
}

void power_sync_folder(struct power_disk *disk)
{
    (void)note(disk, POWER_SYNC_FOLDER, -1);
}

/* ---- the power cut ---- */

struct power_replay {
    const struct power_journal *journal;
    struct power_disk durable; /* inodes have the same numbers as in the journal */
    size_t at;
    size_t *pending; /* entries that no sync has covered yet, in order */
    size_t pending_count;
};

struct power_replay *power_replay_new(const struct power_disk *first,
                                      const struct power_journal *journal)
{
    struct power_replay *replay = berth_new(struct power_replay);

    replay->journal = journal;
    replay->pending = berth_new_array(size_t, journal->count + 1);
    power_disk_init(&replay->durable);
    power_disk_copy(&replay->durable, first);
    return replay;
}

void power_replay_free(struct power_replay *replay)
{
    power_disk_clear(&replay->durable);
    (void)pthread_mutex_destroy(&replay->durable.lock);
    free(replay->pending);
    free(replay);
}

static void put_whole(struct power_disk *disk, const struct power_journal *journal,
                      const struct power_entry *entry)
{
    switch (entry->kind) {
    case POWER_MAKE:
        name_set(disk, entry->name, entry->inode);
        return;
    case POWER_DELETE:
        name_drop(disk, entry->name);
        return;
    case POWER_WRITE:
        inode_put(&disk->inodes[entry->inode], entry->offset, journal->bytes + entry->data,
                  entry->length);
        return;
    case POWER_CUT_OFF:
        inode_resize(&disk->inodes[entry->inode], entry->offset);
        return;
    case POWER_SYNC:
    case POWER_SYNC_FOLDER:
        return;
    }
}

static bool is_of_folder(const struct power_entry *entry)
{
    return entry->kind == POWER_MAKE || entry->kind == POWER_DELETE;
}

/* Does this sync make that entry durable? */
static bool covers(const struct power_entry *sync, const struct power_entry *entry)
{
    if (sync->kind == POWER_SYNC_FOLDER)
        return is_of_folder(entry);
    return !is_of_folder(entry) && entry->inode == sync->inode;
}

static void settle(struct power_replay *replay, const struct power_entry *sync)
{
    size_t kept = 0;

    for (size_t i = 0; i < replay->pending_count; i++) {
        const struct power_entry *entry = &replay->journal->entries[replay->pending[i]];

        if (covers(sync, entry))
            put_whole(&replay->durable, replay->journal, entry);
        else
            replay->pending[kept++] = replay->pending[i];
    }
    replay->pending_count = kept;
}

static void advance(struct power_replay *replay, size_t point)
{
    for (; replay->at < point; replay->at++) {
        const struct power_entry *entry = &replay->journal->entries[replay->at];

        if (entry->kind == POWER_SYNC || entry->kind == POWER_SYNC_FOLDER) {
            settle(replay, entry);
            continue;
        }
        if (entry->kind == POWER_MAKE && entry->inode >= replay->durable.inode_count)
            replay->durable.inode_count = entry->inode + 1;
        replay->pending[replay->pending_count++] = replay->at;
    }
}

/* Keep some sectors of a write, drop the others. */
static void put_torn(struct power_disk *disk, const struct power_journal *journal,
                     const struct power_entry *entry, struct berth_random *random)
{
    size_t done = 0;

    while (done < entry->length) {
        size_t at = entry->offset + done;
        size_t part = POWER_SECTOR - at % POWER_SECTOR;

        if (part > entry->length - done)
            part = entry->length - done;
        if (random_below(random, 2))
            inode_put(&disk->inodes[entry->inode], at, journal->bytes + entry->data + done, part);
        done += part;
    }
}

/* Keep each pending entry with a probability that is drawn once per cut, so that some cuts lose
 * nearly all and some nearly nothing; now and then keep all, none, or a prefix. */
static void put_some(struct power_disk *disk, const struct power_replay *replay,
                     struct berth_random *random)
{
    static const unsigned chances[] = { 0, 5, 20, 50, 80, 95, 100 };
    unsigned chance = chances[random_below(random, BERTH_COUNT(chances))];
    bool beginning = random_below(random, 4) == 0;
    size_t until = beginning ? random_below(random, replay->pending_count + 1) : 0;

    for (size_t i = 0; i < replay->pending_count; i++) {
        const struct power_entry *entry = &replay->journal->entries[replay->pending[i]];
        bool keep = beginning ? i < until : random_below(random, 100) < chance;

        if (beginning && i == until && entry->kind == POWER_WRITE)
            put_torn(disk, replay->journal, entry, random);
        else if (keep && entry->kind == POWER_WRITE && random_below(random, 8) == 0)
            put_torn(disk, replay->journal, entry, random);
        else if (keep)
            put_whole(disk, replay->journal, entry);
    }
}

void power_replay_cut(struct power_replay *replay, size_t point, struct berth_random *random,
                      struct power_disk *ret)
{
    advance(replay, point);
    for (int i = 0; i < replay->durable.inode_count; i++)
        inode_copy(&ret->inodes[i], &replay->durable.inodes[i]);
    memcpy(ret->names, replay->durable.names, sizeof(ret->names));
    ret->inode_count = replay->durable.inode_count;
    ret->name_count = replay->durable.name_count;
    put_some(ret, replay, random);
}
