/* presence.pml - is a terminal there? Promises with a deadline, as broker/core/presence.c keeps them.
 *
 * One terminal, one broker that may stall and may crash, discrete time. Announcements, renewals, goodbyes and answers are
 * lost, late, repeated and overtake each other: a message once sent may come at any time, never, or twice.
 *
 *   get_announce    presence_announce: a new id, the old one is dead
 *   get_renewal     presence_renew, presence_bye: the id must be the present one, the sequence higher than any before; then
 *                   the new value replaces the old deadline, also with an earlier one
 *   tick            the timer of the deadline; an id that is given up never comes back
 *   stall           the loop stood still: every deadline moves by as much, and what waits in the sockets is read first
 *   flush, restart  presence.db knows who was there; after a restart they are presumed there, for a whole grant more
 *
 * Each property is one CHECK; -DONLY=n keeps one; -DMUTANT_x takes one rule away, and Spin must notice (tests/model/run).
 */

#ifndef TIME
#define TIME 8 /* ticks */
#endif
#ifndef ANNOUNCEMENTS
#define ANNOUNCEMENTS 2
#endif
#define RENEWALS 3 /* sequence numbers of one id */

#define SHORT 1
#define LONG 3
#define GOODBYE 4
#define SPREAD 1

#define ABSENT 0
#define PRESENT 1
#define PRESUMED 2

#define DEAD_STAYS_DEAD 1
#define OLD_SEQUENCE_IGNORED 2
#define LATEST_COUNTS 3
#define STALL_EXPIRES_NOBODY 4
#define RESTART_EXTENDS 5

#ifndef ONLY
#define ONLY 0
#endif
#define CHECK(n, p) assert((ONLY != 0 && ONLY != n) || (p))
#define BIT(e) (1 << (e))

byte now, crashes, stalls;

/* ---- the broker ---- */
byte state = ABSENT;
byte id, sequence, deadline;
byte issued;     /* ids given so far: never one twice */
byte saved;      /* presence.db: the grant of a terminal that was there at the last flush, or 0 */
byte saved_till;

/* ---- the terminal and what is under way ---- */
byte announcing, announced;
byte reply;      /* the id in an answer that is on its way */
byte own, own_sequence;
byte sent[16];   /* [4 * id + sequence]: what it asked for */

/* ---- what only the observer knows ---- */
short dead;      /* bit of each id that was given up or replaced */
byte highest;    /* sequence of the present id that ever counted */
byte right_till; /* the deadline that the latest message asked for */
byte awake;      /* ticks that the loop lived through since it last heard of the terminal or started */
byte granted;

#ifdef MUTANT_ID_KEPT
#define drop_id() skip
#else
#define drop_id() id = 0
#endif

inline give_up()
{
    dead = dead | BIT(id);
    drop_id();
    sequence = (id == 0 -> 0 : sequence);
    state = ABSENT;
    deadline = 0; right_till = 0; highest = 0; awake = 0; granted = 0
}

inline expire()
{
    if
    :: state != ABSENT && now >= deadline ->
        CHECK(STALL_EXPIRES_NOBODY, state == PRESUMED || awake >= granted);
        CHECK(RESTART_EXTENDS, state != PRESUMED || awake >= granted);
        give_up()
    :: else
    fi
}

#ifdef MUTANT_LARGEST_DEADLINE
#define NEW_DEADLINE(want) (deadline > now + (want) -> deadline : now + (want))
#else
#define NEW_DEADLINE(want) (now + (want))
#endif
#ifdef MUTANT_ANY_SEQUENCE
#define IS_NEWER(s) true
#else
#define IS_NEWER(s) ((s) > sequence)
#endif
#ifdef MUTANT_NO_STALL_GUARD
#define move_deadline(by) skip
#else
#define move_deadline(by) if :: deadline != 0 -> deadline = deadline + by; right_till = right_till + by :: else fi
#endif
#ifdef MUTANT_NOT_EXTENDED
#define AFTER_RESTART saved_till
#else
#define AFTER_RESTART (now + LONG + SPREAD)
#endif

inline accept(i, s)
{
    CHECK(DEAD_STAYS_DEAD, !(dead & BIT(i)));
    CHECK(OLD_SEQUENCE_IGNORED, s > highest);
    sequence = s;
    highest = s;
    if
    :: sent[4 * i + s] == GOODBYE -> give_up()
    :: else ->
        deadline = NEW_DEADLINE(sent[4 * i + s]);
        right_till = now + sent[4 * i + s];
        granted = sent[4 * i + s];
        awake = 0;
        state = PRESENT
    fi
}

#define get_renewal(i, s) \
    :: d_step { (sent[4 * i + s] != 0 && id == i && IS_NEWER(s)) -> accept(i, s); look() }
#define renewals(i) get_renewal(i, 1) get_renewal(i, 2) get_renewal(i, 3)

inline look()
{
    CHECK(LATEST_COUNTS, state != PRESENT || deadline == right_till)
}

active proctype world()
{
    do
    :: d_step { (announced < ANNOUNCEMENTS) -> announced++; announcing++ }
    :: d_step { (announcing > 0) ->
        announcing--;
        dead = dead | (id == 0 -> 0 : BIT(id));
        issued++;
        id = issued;
        reply = id;
        sequence = 0; highest = 0; awake = 0;
        state = PRESENT;
        granted = LONG;
        deadline = now + LONG;
        right_till = deadline;
        look() }
    :: d_step { (reply != 0) -> own = reply; own_sequence = 0; reply = 0 }
    :: d_step { (reply != 0) -> reply = 0 } /* lost */
    :: d_step { (own != 0 && own_sequence < RENEWALS) -> own_sequence++; sent[4 * own + own_sequence] = LONG }
    :: d_step { (own != 0 && own_sequence < RENEWALS) -> own_sequence++; sent[4 * own + own_sequence] = SHORT }
    :: d_step { (own != 0 && own_sequence < RENEWALS) ->
        own_sequence++;
        sent[4 * own + own_sequence] = GOODBYE;
        own = 0; own_sequence = 0 }
    renewals(1)
    renewals(2)
    renewals(3)
    :: d_step { (now < TIME) ->
        now++;
        awake = (state == ABSENT || awake > LONG -> awake : awake + 1);
        expire();
        look() }
    :: d_step { (now + 2 < TIME && stalls < 1) -> stalls++; now = now + 2; move_deadline(2); look() }
    :: d_step { (saved != (state == ABSENT -> 0 : granted) || (state != ABSENT && saved_till != deadline)) ->
        saved = (state == ABSENT -> 0 : granted);
        saved_till = (state == ABSENT -> 0 : deadline) }
    :: d_step { (crashes < 1) ->
        crashes++;
        dead = dead | (id == 0 -> 0 : BIT(id)); /* only its hash is known: it can be continued, not renewed */
        id = 0; sequence = 0; highest = 0; awake = 0; reply = 0;
        if
        :: saved != 0 -> state = PRESUMED; granted = LONG; deadline = AFTER_RESTART; right_till = deadline
        :: else -> state = ABSENT; granted = 0; deadline = 0; right_till = 0
        fi }
    :: else -> break
    od
}
