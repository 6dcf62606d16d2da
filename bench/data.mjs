// The data of all measurements: the same numbers in Python (data.py) and in JavaScript.

export const NUM_HOT = 25;
export const NUM_EXTRA = 40; // upvotes more for each of the first 25 posts, so that they stay the top 25
export const NUM_GROUPS = 100;

/** Numbers in [0, 1) by xorshift32 (Marsaglia 2003), the same sequence in every language. */
export function randomNumbers(seed) {
  let x = seed >>> 0;
  return () => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x / 4294967296;
  };
}

export const user = (number) => ({ name: `user${number}`, email: `u${number}@example.org` });

export const post = (number, numUsers) => ({
  author_id: number % numUsers,
  title: `Post title number ${number}`,
  url: `https://example.org/${number}`,
  body: "b".repeat(40),
  date: 1700000000 + number,
});

export const upvote = (postId, userId) => ({ post_id: postId, user_id: userId });

/** n users, n posts, and n upvotes on random posts, as [key, value]; with `hot`, the extra ones as well. */
export function hackernews(n, { hot = false } = {}) {
  const random = randomNumbers(7);
  const numbers = Array.from({ length: n }, (_, number) => number);
  const upvotes = numbers.map((number) => [number, upvote(Math.floor(random() * n), Math.floor(random() * n))]);
  for (let number = 0; hot && number < NUM_HOT; number++) {
    for (let extra = 0; extra < NUM_EXTRA; extra++) upvotes.push([upvotes.length, upvote(number, 1)]);
  }
  return {
    users: numbers.map((number) => [number, user(number)]),
    posts: numbers.map((number) => [number, post(number, n)]),
    upvotes,
  };
}

export const item = (number, value) => ({ g: number % NUM_GROUPS, v: value });

/** n items in groups, as [key, value]. */
export function sums(n) {
  return { items: Array.from({ length: n }, (_, number) => [number, item(number, number % 1000)]) };
}

/** All entries of all collections. */
export const numEntries = (content) => Object.values(content).reduce((sum, entries) => sum + entries.length, 0);
