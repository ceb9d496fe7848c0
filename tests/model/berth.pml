/* berth.pml - who has which desktop, on which screen: assignment, roaming, release and recovery as Berth does them.
 *
 * Two users, two terminals, two desktops of one pool, one broker that may crash at any moment and starts again from its
 * store. One step of the model is one turn of the broker's loop, one commit, one call that a host carries out, one message
 * that a terminal gets, or one thing that people and machines do; all of them in any order. Where the code is:
 *
 *   begin_claim, claim_committed   sign_on_select.c, claim.c, decide.c (built from what is true, refused when it changed)
 *   set_secret, tell, give_up      sign_on.c: secret, given, tell, and the undo behind the claim
 *   end_session, close_session     release.c: ENDING is durable, the password is scrambled, the session is closed
 *   make_anew, made_anew           machine_refresh.c: a floating desktop that was used gets a new disk (row `dirty`)
 *   take_off, off_committed        session_detach.c: a decision that voids a claim raises the epoch too
 *   vanish, limit                  presence.c and limits.c: absence disconnects, only the time limit ends
 *   announce                       session_detach.c: session_check_shown, a terminal says after a break what it shows
 *   restart, recovered             store_load, continue_releases and disconnect_orphans (reactor.c)
 *   get_show, get_hide             agent/core/terminal_status.c: epochs are compared, hidden stays hidden
 *   the guest                      takes the password set last, and one viewer at a time
 *
 * The network is the set of all messages ever sent to a terminal: any of them may come at any time, never, or twice.
 * Hosts may carry out a dead broker's call late. A password is named by the epoch it was made for.
 *
 * Each property is one CHECK; -DONLY=n keeps one of them. Each rule that it rests on can be taken away by -DMUTANT_x, and
 * then Spin must find a history that breaks it (tests/model/run). -DKEEP: a pool whose disks stay when a session ends.
 */

#ifndef TAPS
#define TAPS 3 /* sign-ons */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef UPSETS
#define UPSETS 1 /* sign-ons called off, viewers that end, terminals that vanish or boot, sessions ended or taken off */
#endif
/* Epochs are TAPS + UPSETS at most, and 6. */

#define NONE 2

/* States of a session. */
#define NO_SESSION 0
#define PREPARING 1
#define ACTIVE 2
#define DISCONNECTED 3
#define ENDING 4

/* Steps of a sign-on. */
#define IDLE 0
#define COMMIT 1
#define SECRET 2
#define GIVEN 3
#define TELL 4

/* Properties. */
#define ONE_OWNER 1
#define ACK_KEPT 2
#define EPOCHS_RISE 3
#define ONE_SCREEN 4
#define NO_STALE_PICTURE 5
#define OLD_COMMANDS_DO_NOTHING 6
#define HIDDEN_STAYS_HIDDEN 7
#define CLEAN_HAND_OUT 8
#define ABSENCE_RELEASES_NOTHING 9
#define NOTHING_FORGOTTEN 10
#define CLOSED_IS_CLOSED 11
#define GOOD_PICTURE_STAYS 12

#ifndef ONLY
#define ONLY 0
#endif
#define CHECK(n, p) assert((ONLY != 0 && ONLY != n) || (p))

/* ---- on disk: what a crash leaves ---- */
byte owner[2] = NONE;      /* of a desktop: the open assignment */
byte epoch[2];             /* of its slot */
bool dirty[2];             /* somebody has been on it since its disk was made */
byte state[2];             /* of its session */
byte epoch_of[2];          /* of its session */
byte place[2] = NONE;      /* the session's terminal */
byte connection[2] = NONE; /* the open connection's terminal */

/* ---- in the broker's memory ---- */
byte step[2];  /* of the sign-on at a terminal */
byte who[2];   /* its user */
byte which[2]; /* its desktop */
byte as[2];    /* its epoch */
bool fresh[2]; /* it began the session */
bool stale[2]; /* what it was built from has changed since: its commit will be refused */
bool off[2];   /* a decision to take the desktop's session off its screen is on its way to disk */
bool off_stale[2];
byte off_as[2];
bool releasing[2]; /* a release is at work */
bool making[2];    /* its disk is new, which is not yet on our disk */
bool recovering;
bool away[2]; /* the terminal has not announced itself since a break */

/* ---- hosts and guests ---- */
byte call[2]; /* a password on its way to the guest */
byte late[2]; /* one that a dead broker left with the host */
byte key[2];  /* what the guest lets in; 0: nobody knows it */
byte data[2] = NONE;

/* ---- terminals; [2 * terminal + desktop] ---- */
byte shows[4]; /* bit e: a show of that epoch was sent */
byte hides[4];
byte heard[4]; /* the highest epoch it has heard of */
bool is_off[4];
byte picture[2] = NONE;
byte picture_as[2];

/* ---- what only the observer knows ---- */
byte given[2];          /* the highest epoch that was ever committed */
byte claimed_by_1[2];   /* bit e: that claim was user 1's */
byte told[2];           /* the highest epoch a terminal was told of */
byte told_to[2] = NONE; /* and whose it was, while that is open */
byte seen[2];           /* the highest epoch that had a picture */
#ifdef KEEP
byte closed[2];         /* the epoch when the last session was closed */
#endif
byte meant[2];          /* the epoch that somebody decided to take off: said at once, written after */
byte taken_off[4];      /* the highest epoch that was hidden there since it booted */
bool gone[2];           /* disconnected by absence, and the limit has not passed */

byte taps, crashes, upsets;
hidden byte d, o, u;
hidden byte had;

#define AT(t, d) (2 * (t) + (d))
#define BIT(e) (1 << (e))
#define USER_OF(d, e) ((claimed_by_1[d] >> (e)) & 1)

/* Rules that a mutant takes away. */
#ifdef MUTANT_OWNER_IGNORED
#define IS_FREE(d) true
#else
#define IS_FREE(d) (owner[d] == NONE)
#endif
#if defined(MUTANT_HANDED_OUT_DIRTY) || defined(KEEP)
#define IS_CLEAN(d) true
#else
#define IS_CLEAN(d) (!dirty[d])
#endif
#ifdef MUTANT_NO_VERSIONS
#define REFUSED(flag) false
#else
#define REFUSED(flag) (flag)
#endif
#ifdef MUTANT_ANY_PASSWORD
#define LETS_IN(d, e) (key[d] != 0)
#else
#define LETS_IN(d, e) (key[d] == (e))
#endif
#define NEWS(t, d, e) ((e) > heard[AT(t, d)] || ((e) == heard[AT(t, d)] && !is_off[AT(t, d)]))
#ifdef MUTANT_SHOW_ANY
#define MAY_SHOW(t, d, e) true
#else
#define MAY_SHOW(t, d, e) NEWS(t, d, e)
#endif
#ifdef MUTANT_HIDE_ANY
#define HIDES(t, d, e) (picture[t] == (d))
#else
#define HIDES(t, d, e) (picture[t] == (d) && picture_as[t] <= (e))
#endif

#define RESERVED(d) ((step[0] == COMMIT && which[0] == d && fresh[0]) || (step[1] == COMMIT && which[1] == d && fresh[1]))
#define USABLE(d) (IS_FREE(d) && IS_CLEAN(d) && !making[d] && !RESERVED(d))
#define MINE(u) (owner[0] == (u) -> 0 : (owner[1] == (u) -> 1 : NONE))
#define CHOICE(u) (MINE(u) != NONE -> MINE(u) : (USABLE(0) -> 0 : (USABLE(1) -> 1 : NONE)))
#define WORKED_ON(d) ((step[0] > COMMIT && which[0] == (d)) || (step[1] > COMMIT && which[1] == (d)))
#define SIGNING_ON(u) ((step[0] != IDLE && who[0] == (u)) || (step[1] != IDLE && who[1] == (u)))

/* ---- after every step ---- */

inline look_at(n)
{
    CHECK(ACK_KEPT, told[n] <= epoch[n] && (told_to[n] == NONE || told_to[n] == owner[n]));
    CHECK(ABSENCE_RELEASES_NOTHING, !(gone[n] && (state[n] == ENDING || owner[n] == NONE)));
    CHECK(NOTHING_FORGOTTEN, state[n] != ENDING || releasing[n]);
    CHECK(NOTHING_FORGOTTEN, state[n] != PREPARING || recovering || SIGNING_ON(owner[n]))
}

/* What a terminal will refuse is as good as lost: fewer states, the same histories. */
#if defined(MUTANT_SHOW_ANY) || defined(MUTANT_HIDE_ANY) || defined(MUTANT_HIDDEN_FORGOTTEN)
#define forget_refused(n) skip
#else
inline forget_refused(n)
{
    o = BIT(heard[n] + is_off[n]) - 1;
    shows[n] = shows[n] & ~o;
    hides[n] = hides[n] & ~o
}
#endif

inline look()
{
    forget_refused(0);
    forget_refused(1);
    forget_refused(2);
    forget_refused(3);
    look_at(0);
    look_at(1);
    CHECK(ONE_OWNER, owner[0] == NONE || owner[0] != owner[1]);
    CHECK(ONE_SCREEN, picture[0] == NONE || picture[0] != picture[1]);
    d = 0; o = 0; u = 0; had = 0
}

/* ---- small words ---- */

/* Rows of desktop n changed: whatever was built from them is refused, so it does not matter any more what it says. */
#ifdef MUTANT_NO_VERSIONS
#define wipe(what) skip
#else
#define wipe(what) what = 0
#endif
#define outdate(t, n) \
    if \
    :: step[t] == COMMIT && which[t] == n -> stale[t] = true; wipe(as[t]) \
    :: else \
    fi

inline rows_changed(n)
{
    outdate(0, n);
    outdate(1, n);
    off_stale[n] = off[n]
}

inline say_hide(t, n)
{
    hides[AT(t, n)] = hides[AT(t, n)] | BIT(epoch_of[n])
}

inline disconnect(n)
{
    state[n] = DISCONNECTED;
    connection[n] = NONE;
    rows_changed(n)
}

inline forget_sign_on(t)
{
    step[t] = IDLE; who[t] = 0; which[t] = 0; as[t] = 0; fresh[t] = false; stale[t] = false
}

/* ENDING is committed: the terminal is told, sign-ons at work on it end, the release begins. */
inline end_session(n)
{
    if
    :: connection[n] != NONE -> say_hide(connection[n], n)
    :: else
    fi;
    state[n] = ENDING;
    connection[n] = NONE;
    releasing[n] = true;
    if
    :: step[0] > COMMIT && which[0] == n -> forget_sign_on(0)
    :: else
    fi;
    if
    :: step[1] > COMMIT && which[1] == n -> forget_sign_on(1)
    :: else
    fi;
    rows_changed(n)
}

/* Nobody goes on with a session of user v that is being prepared. */
inline settle_leftovers(v)
{
    if
    :: owner[0] == v && state[0] == PREPARING && !SIGNING_ON(v) -> disconnect(0)
    :: else
    fi;
    if
    :: owner[1] == v && state[1] == PREPARING && !SIGNING_ON(v) -> disconnect(1)
    :: else
    fi
}

inline drop_pictures(n)
{
    if
    :: picture[0] == n -> picture[0] = NONE; picture_as[0] = 0
    :: else
    fi;
    if
    :: picture[1] == n -> picture[1] = NONE; picture_as[1] = 0
    :: else
    fi
}

/* ---- sign-on ---- */

/* User v signs on at t; the first of all is user 0 at terminal 0, for any other beginning is the same story. Their earlier sign-on elsewhere is overtaken; while its commit is on the way this one waits. */
#define begin_claim(t, v) \
    :: d_step { (taps < TAPS && (taps > 0 || ((t) == 0 && (v) == 0)) && step[t] == IDLE && !(step[1 - t] == COMMIT && who[1 - t] == v) && \
                 CHOICE(v) != NONE && (MINE(v) == NONE || state[MINE(v)] != ENDING)) -> \
        d = CHOICE(v); \
        taps++; \
        if \
        :: step[1 - t] != IDLE && who[1 - t] == v -> forget_sign_on(1 - t) \
        :: else \
        fi; \
        step[t] = COMMIT; who[t] = v; which[t] = d; as[t] = epoch[d] + 1; fresh[t] = owner[d] != v; \
        told_early(d, t); \
        look() }

#ifdef MUTANT_TOLD_BEFORE_COMMIT
#define told_early(n, t) told[n] = as[t]
#else
#define told_early(n, t) skip
#endif

/* The store found other versions: choose again from what is true now. */
inline claim_refused(t)
{
    d = which[t];
    u = who[t];
    stale[t] = false;
    if
    :: owner[d] == u && state[d] != ENDING -> as[t] = epoch[d] + 1; fresh[t] = false
    :: owner[d] != u && owner[d] == NONE && IS_CLEAN(d) && !making[d] -> as[t] = epoch[d] + 1; fresh[t] = true
    :: else ->
        forget_sign_on(t);
        settle_leftovers(u)
    fi
}

/* Somebody else's session may be on this screen: it comes off and stays. */
inline clear_screen(t, n)
{
    if
    :: connection[n] == t ->
        say_hide(t, n);
        if
        :: state[n] == ACTIVE || state[n] == PREPARING -> disconnect(n)
        :: else -> connection[n] = NONE
        fi
    :: else
    fi
}

inline claim_written(t)
{
    d = which[t];
    u = who[t];
    CHECK(ONE_OWNER, owner[d] == NONE || owner[d] == u);
    CHECK(EPOCHS_RISE, as[t] > given[d]);
    given[d] = as[t];
    clear_screen(t, 1 - d);
    if
    :: connection[d] != NONE && connection[d] != t -> say_hide(connection[d], d)
    :: else
    fi;
    owner[d] = u;
    epoch[d] = as[t];
    dirty[d] = true;
    state[d] = PREPARING;
    epoch_of[d] = as[t];
    place[d] = t;
    connection[d] = t;
    claimed_by_1[d] = claimed_by_1[d] | (u << as[t]);
    gone[d] = false;
    step[t] = SECRET; /* and no longer outdated by what it writes itself */
    rows_changed(d)
}

#define claim_committed(t) \
    :: d_step { (step[t] == COMMIT) -> \
        if \
        :: REFUSED(stale[t]) -> claim_refused(t) \
        :: else -> claim_written(t) \
        fi; \
        look() }

#define STILL_OURS(t) (epoch_of[which[t]] == as[t] && state[which[t]] == PREPARING)

#ifdef MUTANT_SHOW_BEFORE_SECRET
#define show_early(t) shows[AT(t, which[t])] = shows[AT(t, which[t])] | BIT(as[t])
#else
#define show_early(t) skip
#endif

#define set_secret(t) \
    :: d_step { (step[t] == SECRET && (!STILL_OURS(t) || call[which[t]] == 0)) -> \
        if \
        :: STILL_OURS(t) -> call[which[t]] = as[t]; step[t] = GIVEN; show_early(t) \
        :: else -> forget_sign_on(t) \
        fi; \
        look() }

#define host_sets(n) \
    :: d_step { (call[n] != 0) -> \
        key[n] = call[n]; \
        if \
        :: step[0] == GIVEN && which[0] == n && as[0] == call[n] -> step[0] = TELL \
        :: else \
        fi; \
        if \
        :: step[1] == GIVEN && which[1] == n && as[1] == call[n] -> step[1] = TELL \
        :: else \
        fi; \
        call[n] = 0; \
        look() } \
    :: d_step { (late[n] != 0) -> key[n] = late[n]; late[n] = 0; look() }

#define tell(t) \
    :: d_step { (step[t] == TELL) -> \
        d = which[t]; \
        if \
        :: STILL_OURS(t) -> \
            shows[AT(t, d)] = shows[AT(t, d)] | BIT(as[t]); \
            state[d] = ACTIVE; \
            told[d] = as[t]; \
            told_to[d] = who[t]; \
            rows_changed(d) \
        :: else \
        fi; \
        forget_sign_on(t); \
        look() }

/* Called off, or its host failed: what it began ends, what it took over is disconnected; a later claim is left alone. */
inline undo(t)
{
    d = which[t];
    had = fresh[t];
    o = as[t];
    forget_sign_on(t);
    if
    :: epoch_of[d] == o && state[d] == PREPARING && had -> end_session(d)
    :: epoch_of[d] == o && state[d] == PREPARING && !had -> disconnect(d)
    :: else
    fi
}

#define give_up(t) \
    :: d_step { (step[t] > COMMIT && upsets < UPSETS) -> \
        upsets++; \
        undo(t); \
        look() }

/* ---- the end of a session ---- */

#define ends_by_person(n) \
    :: d_step { ((state[n] == ACTIVE || state[n] == DISCONNECTED) && upsets < UPSETS) -> \
        upsets++; \
        gone[n] = false; \
        end_session(n); \
        look() }

inline close_session(n)
{
    owner[n] = NONE;
    state[n] = NO_SESSION;
    epoch_of[n] = 0;
    place[n] = NONE;
    connection[n] = NONE;
    releasing[n] = false;
    told_to[n] = NONE;
#ifdef KEEP
    closed[n] = epoch[n];
#endif
    gone[n] = false;
    rows_changed(n)
}

/* One lane for each machine: the scrambled password follows what was asked before. Where the disk goes anyway the session
 * is closed even if the guest does not answer. */
#define release(n) \
    :: d_step { (releasing[n] && call[n] == 0) -> \
        scramble(n); \
        close_session(n); \
        look() } \
    release_unanswered(n)

#ifdef MUTANT_NO_SCRAMBLE
#define scramble(n) skip
#else
#define scramble(n) key[n] = 0; drop_pictures(n)
#endif

#ifdef KEEP
#define release_unanswered(n)
#define anew(n)
#else
#define release_unanswered(n) :: d_step { (releasing[n] && call[n] == 0) -> close_session(n); look() }
#define anew(n) \
    :: d_step { (owner[n] == NONE && dirty[n] && !making[n] && !RESERVED(n) && call[n] == 0) -> \
        data[n] = NONE; key[n] = 0; claimed_by_1[n] = 0; \
        drop_pictures(n); \
        making[n] = true; \
        look() } \
    :: d_step { (making[n]) -> dirty[n] = false; making[n] = false; rows_changed(n); look() }
#endif

/* ---- off the screen by decision, by absence, by the limit ---- */

#define take_off(n) \
    :: d_step { (state[n] == ACTIVE && connection[n] != NONE && !off[n] && upsets < UPSETS) -> \
        upsets++; \
        say_hide(place[n], n); \
        meant[n] = epoch_of[n]; \
        off[n] = true; off_stale[n] = false; off_as[n] = epoch[n] + 1; \
        look() } \
    :: d_step { (off[n]) -> \
        if \
        :: REFUSED(off_stale[n]) -> \
            off_stale[n] = false; \
            if \
            :: epoch_of[n] + 1 == off_as[n] && state[n] != ENDING && state[n] != NO_SESSION -> skip \
            :: else -> off[n] = false; off_as[n] = 0 \
            fi \
        :: else -> \
            CHECK(EPOCHS_RISE, off_as[n] > given[n]); \
            given[n] = off_as[n]; \
            epoch[n] = off_as[n]; \
            epoch_of[n] = off_as[n]; \
            off[n] = false; off_stale[n] = false; off_as[n] = 0; \
            disconnect(n) \
        fi; \
        look() }

inline lost(n)
{
    if
    :: state[n] == ACTIVE || state[n] == PREPARING -> disconnect(n); gone[n] = true
    :: else
    fi
}

#ifdef MUTANT_RELEASED_ON_ABSENCE
#define detach_all(n, t) if :: connection[n] == t -> lost(n); end_session(n) :: else fi
#else
#define detach_all(n, t) if :: connection[n] == t -> lost(n) :: else fi
#endif

/* The terminal's deadline passes; it may well go on showing its picture. */
#define vanish(t) \
    :: d_step { (!away[t] && upsets < UPSETS) -> \
        upsets++; \
        away[t] = true; \
        detach_all(0, t); \
        detach_all(1, t); \
        look() }

#define limit(n) \
    :: d_step { (state[n] == DISCONNECTED) -> gone[n] = false; end_session(n); look() }

/* ---- what terminals say and do ---- */

#ifdef MUTANT_RESTART_FORGETS_SCREENS
#define answer_shown(t, n) hides[AT(t, n)] = hides[AT(t, n)] | BIT(picture_as[t])
#else
#define answer_shown(t, n) \
    if \
    :: state[n] != ACTIVE || connection[n] != t -> \
        state[n] = ACTIVE; connection[n] = t; gone[n] = false; rows_changed(n) \
    :: else \
    fi
#endif

/* After a break a terminal says what it shows. A picture that is nobody's any more goes, any other stays. A link keeps the
 * order of its messages: a hide from before this is there by now, or went with the old link. (An old show may still come:
 * more than the network can do, and it must do no harm.) */
inline claims(t, n)
{
    if
    :: picture[t] == n && (epoch_of[n] != picture_as[t] || place[n] != t || state[n] == ENDING || state[n] == NO_SESSION) ->
        hides[AT(t, n)] = hides[AT(t, n)] | BIT(picture_as[t])
    :: picture[t] == n && epoch_of[n] == picture_as[t] && place[n] == t && !WORKED_ON(n) && connection[1 - n] != t &&
       (state[n] == DISCONNECTED || state[n] == PREPARING || state[n] == ACTIVE) ->
        answer_shown(t, n)
    :: picture[t] != n && connection[n] == t && !WORKED_ON(n) -> lost(n)
    :: else
    fi
}

#define announce(t) \
    :: d_step { (away[t]) -> \
        away[t] = false; \
        hides[AT(t, 0)] = 0; hides[AT(t, 1)] = 0; \
        claims(t, 0); \
        claims(t, 1); \
        look() }

#define viewer_ends(t) \
    :: d_step { (picture[t] != NONE && upsets < UPSETS) -> \
        upsets++; \
        d = picture[t]; \
        o = picture_as[t]; \
        picture[t] = NONE; picture_as[t] = 0; \
        if \
        :: epoch_of[d] == o && state[d] == ACTIVE -> disconnect(d) \
        :: else \
        fi; \
        look() }

/* Everything in it is forgotten, and what was on its way to it is lost. */
#define boot(t) \
    :: d_step { (upsets < UPSETS) -> \
        upsets++; \
        picture[t] = NONE; picture_as[t] = 0; \
        shows[AT(t, 0)] = 0; shows[AT(t, 1)] = 0; hides[AT(t, 0)] = 0; hides[AT(t, 1)] = 0; \
        heard[AT(t, 0)] = 0; heard[AT(t, 1)] = 0; is_off[AT(t, 0)] = false; is_off[AT(t, 1)] = false; \
        taken_off[AT(t, 0)] = 0; taken_off[AT(t, 1)] = 0; \
        away[t] = true; \
        look() }

#ifdef MUTANT_OLD_VIEWER_STAYS
#define take_over(t, n) skip
#else
#define take_over(t, n) if :: picture[1 - t] == n -> picture[1 - t] = NONE; picture_as[1 - t] = 0 :: else fi
#endif

/* The viewer logs on with the password of epoch e. */
inline log_on(t, n, e)
{
    if
    :: LETS_IN(n, e) ->
        take_over(t, n);
        picture[t] = n; picture_as[t] = e;
        CHECK(NO_STALE_PICTURE, e >= seen[n]);
        CHECK(CLEAN_HAND_OUT, data[n] == NONE || data[n] == USER_OF(n, e));
        if
        :: e > seen[n] -> seen[n] = e
        :: else
        fi;
#ifdef KEEP
        CHECK(CLOSED_IS_CLOSED, e > closed[n]);
#else
        data[n] = USER_OF(n, e);
#endif
    :: else
    fi
}

#define get_show(t, n, e) \
    :: d_step { ((shows[AT(t, n)] & BIT(e)) && MAY_SHOW(t, n, e) && !(picture[t] == n && picture_as[t] == e)) -> \
        had = picture[t] == n && picture_as[t] > e; \
        CHECK(HIDDEN_STAYS_HIDDEN, e > taken_off[AT(t, n)]); \
        if \
        :: e > heard[AT(t, n)] -> heard[AT(t, n)] = e; is_off[AT(t, n)] = false \
        :: else \
        fi; \
        picture[t] = NONE; picture_as[t] = 0; \
        log_on(t, n, e); \
        CHECK(OLD_COMMANDS_DO_NOTHING, !had || (picture[t] == n && picture_as[t] > e)); \
        look() }

#ifdef MUTANT_HIDDEN_FORGOTTEN
#define note_hidden(t, n, e) skip
#else
#define note_hidden(t, n, e) if :: e == heard[AT(t, n)] -> is_off[AT(t, n)] = true :: else fi
#endif

#define get_hide(t, n, e) \
    :: d_step { ((hides[AT(t, n)] & BIT(e)) && (NEWS(t, n, e) || HIDES(t, n, e))) -> \
        had = picture[t] == n && picture_as[t] > e; \
        if \
        :: e > heard[AT(t, n)] -> heard[AT(t, n)] = e; is_off[AT(t, n)] = true \
        :: else -> note_hidden(t, n, e) \
        fi; \
        if \
        :: e > taken_off[AT(t, n)] -> taken_off[AT(t, n)] = e \
        :: else \
        fi; \
        if \
        :: HIDES(t, n, e) -> \
            CHECK(GOOD_PICTURE_STAYS, picture_as[t] != epoch_of[n] || connection[n] != t || state[n] != ACTIVE || picture_as[t] == meant[n]); \
            picture[t] = NONE; picture_as[t] = 0 \
        :: else \
        fi; \
        CHECK(OLD_COMMANDS_DO_NOTHING, !had || picture[t] == n); \
        look() }

#define messages_of(t, e) get_show(t, 0, e) get_show(t, 1, e) get_hide(t, 0, e) get_hide(t, 1, e)

/* ---- crash and recovery ---- */

inline host_keeps_call(n)
{
    if
    :: call[n] != 0 -> late[n] = call[n]; call[n] = 0
    :: else
    fi
}

#ifdef MUTANT_EPOCH_NOT_KEPT
#define reload(n) epoch[n] = epoch_of[n]
#else
#define reload(n) skip
#endif

#ifdef MUTANT_RELEASE_NOT_RESUMED
#define resume(n) releasing[n] = false
#else
#define resume(n) releasing[n] = (state[n] == ENDING)
#endif

#define restart \
    :: d_step { (crashes < CRASHES) -> \
        crashes++; \
        forget_sign_on(0); forget_sign_on(1); \
        off[0] = false; off[1] = false; off_stale[0] = false; off_stale[1] = false; off_as[0] = 0; off_as[1] = 0; \
        making[0] = false; making[1] = false; \
        host_keeps_call(0); host_keeps_call(1); \
        reload(0); reload(1); \
        resume(0); resume(1); \
        away[0] = true; away[1] = true; \
        recovering = true; \
        look() } \
    :: d_step { (recovering) -> \
        recovering = false; \
        settle_prepared(0); settle_prepared(1); \
        look() }

#ifdef MUTANT_PREPARED_FOR_EVER
#define settle_prepared(n) skip
#else
#define settle_prepared(n) if :: state[n] == PREPARING && !SIGNING_ON(owner[n]) -> disconnect(n) :: else fi
#endif

active proctype world()
{
    do
    begin_claim(0, 0)
    begin_claim(0, 1)
    begin_claim(1, 0)
    begin_claim(1, 1)
    claim_committed(0)
    claim_committed(1)
    set_secret(0)
    set_secret(1)
    host_sets(0)
    host_sets(1)
    tell(0)
    tell(1)
    give_up(0)
    give_up(1)
    ends_by_person(0)
    ends_by_person(1)
    release(0)
    release(1)
    anew(0)
    anew(1)
    take_off(0)
    take_off(1)
    vanish(0)
    vanish(1)
    limit(0)
    limit(1)
    announce(0)
    announce(1)
    viewer_ends(0)
    viewer_ends(1)
    boot(0)
    boot(1)
    messages_of(0, 1) messages_of(1, 1) messages_of(0, 2) messages_of(1, 2)
#if TAPS + UPSETS > 2
    messages_of(0, 3) messages_of(1, 3)
#endif
#if TAPS + UPSETS > 3
    messages_of(0, 4) messages_of(1, 4)
#endif
#if TAPS + UPSETS > 4
    messages_of(0, 5) messages_of(1, 5) messages_of(0, 6) messages_of(1, 6)
#endif
    restart
    :: else -> break
    od
}
