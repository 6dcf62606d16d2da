// The services that are measured, as an application of Skip writes them; `bench/application.py` is the same for Deltamesh.
import { Count, Sum } from "@skipruntime/helpers";

const NOBODY = { name: "?", email: "?" };

class UpvotesByPost {
  mapEntry(_key, values) {
    const upvote = values.getUnique();
    return [[upvote.post_id, upvote.user_id]];
  }
}

/** Counts by reading all upvotes of the post. */
class Ranked {
  constructor(users, upvotes) {
    this.users = users;
    this.upvotes = upvotes;
  }
  mapEntry(key, values) {
    const post = values.getUnique();
    const upvotes = this.upvotes.getArray(key).length;
    return [[[-upvotes, key], { ...post, upvotes, author: this.users.getUnique(post.author_id, { ifNone: NOBODY }) }]];
  }
}

/** Takes the count from a reducer. */
class RankedByCount {
  constructor(users, counts) {
    this.users = users;
    this.counts = counts;
  }
  mapEntry(key, values) {
    const post = values.getUnique();
    const upvotes = this.counts.getUnique(key, { ifNone: 0 });
    return [[[-upvotes, key], { ...post, upvotes, author: this.users.getUnique(post.author_id, { ifNone: NOBODY }) }]];
  }
}

class ForReader {
  constructor(reader) {
    this.reader = reader;
  }
  mapEntry(key, values) {
    const post = values.getUnique();
    return [[key, { title: post.title, upvotes: post.upvotes, mine: post.author_id === this.reader }]];
  }
}

class Top {
  constructor({ limit }) {
    this.limit = limit;
  }
  instantiate(collections) {
    return collections.ranked.take(this.limit);
  }
}

class TopFor {
  constructor({ limit, reader }) {
    this.limit = limit;
    this.reader = reader;
  }
  instantiate(collections) {
    return collections.ranked.take(this.limit).map(ForReader, this.reader);
  }
}

class One {
  constructor({ post }) {
    this.post = post;
  }
  instantiate(collections) {
    return collections.counted.slice(this.post, this.post);
  }
}

class ByGroup {
  mapEntry(_key, values) {
    const item = values.getUnique();
    return [[item.g, item.v]];
  }
}

class Sums {
  instantiate(collections) {
    return collections.sums;
  }
}

/** As Skip takes it: one value for each key. */
const initialData = (content) =>
  Object.fromEntries(Object.entries(content).map(([name, entries]) => [name, entries.map(([key, value]) => [key, [value]])]));

/** Posts joined with authors and ranked by upvotes, which are all read. */
export const hackernews = (content) => ({
  initialData: initialData(content),
  resources: { top: Top },
  createGraph: ({ users, posts, upvotes }) => ({ ranked: posts.map(Ranked, users, upvotes.map(UpvotesByPost)) }),
});

/** The same, with upvotes counted by Skip's own reducer. */
export const countedHackernews = (content) => ({
  initialData: initialData(content),
  resources: { top: Top, top_for: TopFor, one: One },
  createGraph({ users, posts, upvotes }) {
    const counted = upvotes.mapReduce(UpvotesByPost)(Count);
    return { ranked: posts.map(RankedByCount, users, counted), counted };
  },
});

/** A sum for each group. */
export const sumPerGroup = (content) => ({
  initialData: initialData(content),
  resources: { sums: Sums },
  createGraph: ({ items }) => ({ sums: items.mapReduce(ByGroup)(Sum) }),
});
