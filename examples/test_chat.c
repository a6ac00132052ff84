#include <plait/testing.h>
#include <stdio.h>
#include <string.h>

#include "chat_room.h"

static plait_test *test;
static struct chat chat;

static void begin(void) {
  chat_init(&chat, 60000);
  PLAIT_TEST_MUST(plait_test_new(NULL, &test));
}

static void end(void) {
  PLAIT_TEST_MUST(plait_test_free(test));
}

static plait_test_peer *come_in(void) {
  plait_test_peer *peer;
  PLAIT_TEST_MUST(plait_test_serve(test, &chat.factory, &peer));
  PLAIT_TEST_MUST(plait_test_expect(peer, "* who are you?\r\n"));
  return peer;
}

static plait_test_peer *join(const char *name) {
  plait_test_peer *peer = come_in();
  plait_test_feed(peer, name);
  plait_test_feed(peer, "\r\n");
  PLAIT_TEST_MUST(plait_test_expect(peer, "* welcome\r\n"));
  return peer;
}

static void members_hear_each_other(void) {
  begin();
  plait_test_peer *ann = join("ann"), *bob = join("bob");
  PLAIT_TEST_MUST(plait_test_expect(ann, "* bob is here\r\n"));
  plait_test_feed(ann, "good morning\r\nand good bye\r\n");
  PLAIT_TEST_MUST(
      plait_test_expect(bob, "ann: good morning\r\nann: and good bye\r\n"));
  PLAIT_TEST_MUST(plait_test_expect(ann, ""));
  end();
}

static void a_name_is_taken_once(void) {
  begin();
  plait_test_peer *ann = join("ann"), *other = come_in();
  plait_test_feed(other, "ann\r\n");
  PLAIT_TEST_MUST(plait_test_expect(other, "* there is one of that name\r\n"));
  plait_test_feed(other, "eve\r\n");
  PLAIT_TEST_MUST(plait_test_expect(other, "* welcome\r\n"));
  PLAIT_TEST_MUST(plait_test_expect(ann, "* eve is here\r\n"));
  end();
}

static void members_leave(void) {
  begin();
  plait_test_peer *ann = join("ann"), *bob = join("bob"), *eve = join("eve");
  plait_test_clear(ann);
  plait_test_end(bob);
  PLAIT_TEST_MUST(plait_test_expect_state(bob, PLAIT_TEST_ENDED));
  PLAIT_TEST_MUST(plait_test_expect(ann, "* bob has left\r\n"));
  plait_test_reset(eve);
  PLAIT_TEST_MUST(plait_test_expect(ann, "* eve has left\r\n"));
  end();
}

static void who_does_not_read_misses_lines(void) {
  static char lines[400000];
  begin();
  plait_test_peer *ann = join("ann"), *bob = join("bob");
  for (size_t i = 0; i < sizeof lines; i++)
    lines[i] = i % 100 == 99 ? '\n' : '.';
  plait_test_read(bob, false);
  plait_test_feed_bytes(ann, lines, sizeof lines);
  PLAIT_TEST_MUST(plait_test_expect_state(bob, PLAIT_TEST_OPEN));
  plait_test_read(bob, true);

  plait_slice came = plait_test_value(bob); /* a NUL is behind it */
  if (came.len > sizeof lines / 2 ||
      strstr((const char *)came.data, "\r\n* you missed ") == NULL)
    PLAIT_TEST_MUST("bob was told all, or not what he missed");
  plait_test_clear(bob);
  plait_test_feed(ann, "are you back?\r\n");
  PLAIT_TEST_MUST(plait_test_expect(bob, "ann: are you back?\r\n"));
  end();
}

static void who_says_nothing_has_to_go(void) {
  begin();
  plait_test_peer *ann = join("ann");
  plait_test_advance(test, 59999);
  PLAIT_TEST_MUST(plait_test_expect_state(ann, PLAIT_TEST_OPEN));
  plait_test_advance(test, 2);
  PLAIT_TEST_MUST(plait_test_expect(ann, "* you say nothing\r\n"));
  PLAIT_TEST_MUST(plait_test_expect_state(ann, PLAIT_TEST_ENDED));
  end();
}

static void empty_room(plait_factory *factory) {
  chat_init(plait_container_of(factory, struct chat, factory), 60000);
}

static void cuts_do_not_matter(void) {
  static const plait_protocol_check check = {
      .factory = &chat.factory,
      .begin = empty_room,
      .input = PLAIT_BYTES("\r\nann\r\ngood morning\r\ngood")};
  PLAIT_TEST_MUST(plait_check_protocol(&check));
}

int main(void) {
  members_hear_each_other();
  a_name_is_taken_once();
  members_leave();
  who_does_not_read_misses_lines();
  who_says_nothing_has_to_go();
  cuts_do_not_matter();
  puts("nothing is wrong with the chat");
  return 0;
}
