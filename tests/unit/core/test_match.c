/* test_match.c - networks, words and paths as subjects of rules name them. */
#include "core/match.h"

#include "test.h"

TEST(match, networks_of_both_families)
{
    EXPECT(match_network("10.1.2.3", "10.1.2.3"));
    EXPECT(match_network("10.1.2.3", "10.1.2.0/24"));
    EXPECT(match_network("10.1.2.3", "0.0.0.0/0"));
    EXPECT(match_network("10.1.2.129", "10.1.2.128/25"));
    EXPECT(!match_network("10.1.2.127", "10.1.2.128/25"));
    EXPECT(match_network("2001:db8::1", "2001:db8::/32"));
    EXPECT(!match_network("2001:db9::1", "2001:db8::/32"));
    EXPECT(match_network("::ffff:10.1.2.3", "10.0.0.0/8"));
    EXPECT(!match_network("2001:db8::1", "0.0.0.0/0"));
    EXPECT(!match_network("", "10.0.0.0/8"));
    EXPECT(!match_network("somewhere", "10.0.0.0/8"));
}

TEST(match, what_is_no_network_is_told)
{
    EXPECT(match_is_network("10.0.0.0/8"));
    EXPECT(match_is_network("::1"));
    EXPECT(!match_is_network("10.0.0.0/33"));
    EXPECT(!match_is_network("10.0.0.0/-1"));
    EXPECT(!match_is_network("10.0.0.0/8x"));
    EXPECT(!match_is_network("10.0.0.0/"));
    EXPECT(!match_is_network("/8"));
    EXPECT(!match_is_network(""));
    EXPECT(!match_is_network("a very long text that is certainly no address of any kind at all/8"));
}

TEST(match, words_and_paths)
{
    EXPECT(match_word("a bc d", "bc"));
    EXPECT(!match_word("a bcd", "bc"));
    EXPECT(match_word("xbc bc", "bc"));
    EXPECT(!match_word("a", ""));
    EXPECT(match_below("a/b/c", "a/b"));
    EXPECT(match_below("a/b", "a/b"));
    EXPECT(!match_below("a/bc", "a/b"));
    EXPECT(!match_below("a", "a/b"));
    EXPECT(!match_below("a", ""));
}

TEST_MAIN()
