/**
 * The solver: simulated annealing in the space of tours that no exchange of two or three edges shortens. The same as
 * `examples/salesman/annealing.py` and `kernel.py`, which say what it does and why, step by step; the same arguments give the same tours
 * (`tests/cases/salesman.json`). Numbers are integers below 2**53, or float64 of which only sums, products and quotients are made.
 *
 * Knows no network, no page and no clock: it runs in browsers, their workers and Node.js.
 *
 * @typedef {import("./landscape.js").Landscape} Landscape
 *
 * @typedef {object} Annealed
 * @property {Int32Array} current where the chain stands
 * @property {Int32Array} best the shortest tour it has seen, never longer than the one it began with
 * @property {number} length of the best
 * @property {number} routes candidate tours whose difference in length to the present tour was computed, whether they were taken or not
 */

/** Nearest neighbours of a city that are tried for the second new edge. */
const SECOND = 8;
/** Cities of a piece that a perturbation moves. */
const MAX_PIECE = 50;
/** Reversals of a step. Tens are usual; a repair that needs more is broken off. */
const MAX_MOVES = 10_000;
const LN_2 = 0.6931471805599453;

/**
 * Compute a unit: `steps` steps from `tour`, while the temperature goes from `hot` to `cold` [units of length].
 *
 * @param {Landscape} landscape
 * @param {ArrayLike<number>} tour
 * @param {number} hot
 * @param {number} cold
 * @param {number} steps
 * @param {number} seed 0 … 2**32 - 1
 * @returns {Annealed}
 */
export function anneal(landscape, tour, hot, cold, steps, seed) {
  const chain = new Chain(landscape, tour, hot, cold, steps, seed);
  chain.run(steps);
  return chain.result();
}

/** A unit, computed piece by piece: in how many pieces makes no difference to what it comes to. */
export class Chain {
  /** Steps that were made. */
  done = 0;
  /** Routes evaluated so far. */
  routes = 0;
  #landscape;
  #size;
  #hot;
  #cold;
  #tour;
  #best;
  #positions;
  #queue;
  #queued;
  /** First city in the queue, and how many wait. */
  #head = 0;
  #waiting;
  /** The reversals of this step, two positions each, to be undone. */
  #moves = new Int32Array(2 * (MAX_MOVES + 3));
  #count = 0;
  #random;
  #current;
  #length;
  /** The exchange that `#find` has found: what it gains, what the tour becomes, and the ends of its pieces. */
  #gain = 0;
  #becomes = 0;
  #t2 = 0;
  #p = 0;
  #q = 0;
  #r = 0;
  #s = 0;

  /**
   * @param {Landscape} landscape
   * @param {ArrayLike<number>} tour a permutation of the cities; it is copied
   * @param {number} hot temperature at the beginning [units of length], not negative
   * @param {number} cold and at the end
   * @param {number} steps how many there are in all
   * @param {number} seed 0 … 2**32 - 1
   */
  constructor(landscape, tour, hot, cold, steps, seed) {
    this.steps = steps;
    this.#landscape = landscape;
    this.#size = landscape.size;
    this.#hot = hot;
    this.#cold = cold;
    this.#tour = Int32Array.from(tour);
    this.#best = this.#tour.slice();
    this.#positions = new Int32Array(this.#size);
    for (let at = 0; at < this.#size; at++) this.#positions[this.#tour[at]] = at;
    this.#queue = this.#tour.slice();
    this.#queued = new Uint8Array(this.#size).fill(1);
    this.#waiting = this.#size;
    this.#random = firstRandom(seed);
    this.#current = this.#length = landscape.length(this.#tour);
  }

  /**
   * Make that many more steps, or as many as are left. Before the very first one the whole tour is repaired.
   *
   * @param {number} steps
   * @returns {boolean} whether all have been made
   */
  run(steps) {
    const until = Math.min(this.done + steps, this.steps);
    if (this.#waiting > 0) {
      this.#repair(true);
      this.#keep();
    }
    if (this.#size < 5) this.done = until; // there is nothing to perturb
    while (this.done < until) {
      const before = this.#current;
      this.#perturb();
      this.#repair(false);
      this.done++;
      const temperature = this.#hot + (this.#cold - this.#hot) * (this.done / this.steps);
      if (this.#current > before && this.#current - before > temperature * this.#exponential()) this.#undo(before);
      else this.#keep();
    }
    return this.done === this.steps;
  }

  /** What it has come to so far. @returns {Annealed} */
  result() {
    return { current: this.#tour.slice(), best: this.#best.slice(), length: this.#length, routes: this.routes };
  }

  #keep() {
    if (this.#current >= this.#length) return;
    this.#length = this.#current;
    this.#best.set(this.#tour);
  }

  /** @param {number} before */
  #undo(before) {
    for (let move = 2 * this.#count - 2; move >= 0; move -= 2) this.#reverse(this.#moves[move], this.#moves[move + 1]);
    this.#current = before;
  }

  /** The next random number, 1 … 2**32 - 1: G. Marsaglia, "Xorshift RNGs", 2003, with the shifts 13, 17, 5. */
  #next() {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x >>> 0;
    return this.#random;
  }

  /** A random number 0 … limit - 1. @param {number} limit */
  #below(limit) {
    return Math.floor((this.#next() * limit) / 4294967296);
  }

  /** -ln(u) of a random u between 0 and 1, to 1e-6: halvings until u is at least 1/2, then the series of artanh. */
  #exponential() {
    let u = this.#next() / 4294967296;
    let halvings = 0;
    for (; u < 0.5; halvings++) u *= 2;
    const s = (1 - u) / (1 + u);
    const q = s * s;
    return halvings * LN_2 + 2 * s * (1 + q * (1 / 3 + q * (0.2 + q * (1 / 7 + q / 9))));
  }

  /** Exchange two neighbouring pieces of random lengths, 1 … MAX_PIECE and together at most half of the tour. */
  #perturb() {
    const n = this.#size;
    const tour = this.#tour;
    const moves = this.#moves;
    const limit = Math.min(MAX_PIECE, n >> 2);
    const at = this.#below(n);
    const p = 1 + this.#below(limit);
    const q = 1 + this.#below(limit);
    const first = (at + 1) % n;
    const middle = (at + q) % n;
    const last = (at + p + q) % n;
    const begin = tour[at];
    const end = tour[(last + 1) % n];
    const p0 = tour[first];
    const p1 = tour[(at + p) % n];
    const q0 = tour[(at + p + 1) % n];
    const q1 = tour[last];
    moves[0] = moves[2] = first;
    moves[1] = moves[5] = last;
    moves[3] = middle;
    moves[4] = (middle + 1) % n;
    for (let move = 0; move < 6; move += 2) this.#reverse(moves[move], moves[move + 1]);
    this.#count = 3;
    this.routes++;
    const { distances } = this.#landscape;
    this.#current += distances[begin * n + q0] + distances[q1 * n + p0] + distances[p1 * n + end];
    this.#current -= distances[begin * n + p0] + distances[p1 * n + q0] + distances[q1 * n + end];
    this.#head = 0;
    for (const city of [begin, end, q0, q1, p0, p1]) this.#enqueue(city);
  }

  /**
   * Make exchanges that shorten the tour until none is left at the cities that wait.
   *
   * @param {boolean} isFirst it is never undone
   */
  #repair(isFirst) {
    const queue = this.#queue;
    if (isFirst) this.#count = 0;
    while (this.#waiting > 0) {
      const t1 = queue[this.#head];
      this.#head = this.#head + 1 < this.#size ? this.#head + 1 : 0;
      this.#waiting--;
      this.#queued[t1] = 0;
      let forward = true;
      while (this.#count < MAX_MOVES) {
        if (!this.#find(t1, forward)) {
          if (!forward) break;
          forward = false;
          continue;
        }
        this.#current -= this.#gain;
        this.#exchange(t1);
        this.#enqueue(this.#t2);
        this.#enqueue(this.#p);
        this.#enqueue(this.#s);
        if (this.#becomes > 1) {
          this.#enqueue(this.#q);
          this.#enqueue(this.#r);
        }
        forward = true;
      }
      if (isFirst) this.#count = 0;
    }
  }

  /** Let a city wait, if it does not already. @param {number} city */
  #enqueue(city) {
    if (this.#queued[city]) return;
    this.#queued[city] = 1;
    const at = this.#head + this.#waiting++;
    this.#queue[at < this.#size ? at : at - this.#size] = city;
  }

  /**
   * Look for an exchange of two or three edges that makes the tour shorter, the edge from `t1` in the given direction being one of them.
   * `find` in `kernel.py` says which there are.
   *
   * @param {number} t1
   * @param {boolean} forward
   * @returns {boolean} whether there is one
   */
  #find(t1, forward) {
    const n = this.#size;
    const tour = this.#tour;
    const positions = this.#positions;
    const { distances, neighbours, near, width } = this.#landscape;
    const second = Math.min(SECOND, width);
    const t2 = after(tour, positions[t1], forward);
    const at2 = positions[t2];
    const removed = distances[t1 * n + t2];
    let routes = 0;
    for (let k = t2 * width, end = k + width; k < end; k++) {
      const gain1 = removed - near[k];
      if (gain1 <= 0) break;
      const t3 = neighbours[k];
      const at3 = positions[t3];
      let place3 = forward ? at3 - at2 : at2 - at3;
      if (place3 < 0) place3 += n;
      let t4 = after(tour, at3, !forward);
      if (t4 !== t2) {
        const gain2 = gain1 + distances[t3 * n + t4];
        routes++;
        let gain = gain2 - distances[t4 * n + t1];
        if (gain > 0) return this.#found(routes, gain, 1, t2, t4, 0, 0, t3);
        for (let m = t4 * width, last = m + second; m < last; m++) {
          const gain3 = gain2 - near[m];
          if (gain3 <= 0) break;
          const t5 = neighbours[m];
          if (t5 === t3) continue;
          const at5 = positions[t5];
          let place5 = forward ? at5 - at2 : at2 - at5;
          if (place5 < 0) place5 += n;
          const isBehind = place5 > place3;
          const t6 = after(tour, at5, forward !== isBehind);
          if (t6 === t4) continue;
          routes++;
          gain = gain3 + distances[t5 * n + t6] - distances[t6 * n + t1];
          if (gain > 0) return isBehind ? this.#found(routes, gain, 2, t2, t4, t3, t6, t5) : this.#found(routes, gain, 3, t2, t5, t6, t4, t3);
        }
      }
      if (t3 !== t1) {
        t4 = after(tour, at3, forward);
        const gain2 = gain1 + distances[t3 * n + t4];
        for (let m = t4 * width, last = m + second; m < last; m++) {
          const gain3 = gain2 - near[m];
          if (gain3 <= 0) break;
          const t5 = neighbours[m];
          const at5 = positions[t5];
          let place5 = forward ? at5 - at2 : at2 - at5;
          if (place5 < 0) place5 += n;
          if (place5 >= place3) continue;
          let t6 = after(tour, at5, forward);
          routes++;
          let gain = gain3 + distances[t5 * n + t6] - distances[t6 * n + t1];
          if (gain > 0) return this.#found(routes, gain, 5, t2, t5, t6, t3, t4);
          if (t5 !== t2) {
            t6 = after(tour, at5, !forward);
            routes++;
            gain = gain3 + distances[t5 * n + t6] - distances[t6 * n + t1];
            if (gain > 0) return this.#found(routes, gain, 4, t2, t6, t5, t3, t4);
          }
        }
      }
    }
    this.routes += routes;
    return false;
  }

  /**
   * @param {number} routes
   * @param {number} gain
   * @param {number} becomes
   * @param {number} t2
   * @param {number} p
   * @param {number} q
   * @param {number} r
   * @param {number} s
   */
  #found(routes, gain, becomes, t2, p, q, r, s) {
    this.routes += routes;
    this.#gain = gain;
    this.#becomes = becomes;
    this.#t2 = t2;
    this.#p = p;
    this.#q = q;
    this.#r = r;
    this.#s = s;
    return true;
  }

  /** Do what `#find` has found. @param {number} t1 */
  #exchange(t1) {
    const becomes = this.#becomes;
    const [t2, p, q, r, s] = [this.#t2, this.#p, this.#q, this.#r, this.#s];
    if (becomes === 1) {
      this.#twoOpt(t1, t2, p, s);
    } else if (becomes === 4) {
      this.#twoOpt(t1, t2, p, q);
      this.#twoOpt(t2, q, r, s);
    } else {
      this.#twoOpt(t1, t2, r, s);
      if (becomes !== 2) this.#twoOpt(t1, r, q, p);
      if (becomes !== 3) this.#twoOpt(becomes === 2 ? q : r, p, t2, s);
    }
  }

  /**
   * Replace the edges a-b and c-d by a-c and b-d; in one of the two directions the tour reads a b … c d.
   *
   * @param {number} a
   * @param {number} b
   * @param {number} c
   * @param {number} d
   */
  #twoOpt(a, b, c, d) {
    const positions = this.#positions;
    const isForward = after(this.#tour, positions[a], true) === b;
    const i = positions[isForward ? b : c];
    const j = positions[isForward ? c : b];
    this.#moves[2 * this.#count] = i;
    this.#moves[2 * this.#count + 1] = j;
    this.#count++;
    this.#reverse(i, j);
  }

  /**
   * Reverse the cities at positions i … j, round the end if j < i; or all others if these are fewer: that is the same round trip.
   *
   * @param {number} i
   * @param {number} j
   */
  #reverse(i, j) {
    const tour = this.#tour;
    const positions = this.#positions;
    const n = tour.length;
    let inner = j - i + 1;
    if (inner <= 0) inner += n;
    if (2 * inner > n) {
      const begin = j + 1 === n ? 0 : j + 1;
      j = i === 0 ? n - 1 : i - 1;
      i = begin;
      inner = n - inner;
    }
    for (let swaps = inner >> 1; swaps > 0; swaps--) {
      const a = tour[i];
      const b = tour[j];
      tour[i] = b;
      positions[b] = i;
      tour[j] = a;
      positions[a] = j;
      if (++i === n) i = 0;
      if (--j < 0) j = n - 1;
    }
  }
}

/**
 * The city after a position, in one of the two directions.
 *
 * @param {Int32Array} tour
 * @param {number} at
 * @param {boolean} forward
 */
function after(tour, at, forward) {
  if (forward) return at + 1 < tour.length ? tour[at + 1] : tour[0];
  return at > 0 ? tour[at - 1] : tour[tour.length - 1];
}

/**
 * The first state of the generator, never 0. Seeds that lie side by side are spread (A. Appleby's finalizer of MurmurHash3).
 *
 * @param {number} seed
 */
function firstRandom(seed) {
  let mixed = (seed ^ 0x9e3779b9) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) >>> 0;
  return (mixed ^ (mixed >>> 16)) >>> 0 || 1;
}
