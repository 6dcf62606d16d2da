/**
 * From what the page knows to what it shows. Pure.
 *
 * @typedef {import("../page/plain.js").Seen} Seen
 * @typedef {{text: string, tone: "plain" | "soft" | "good" | "late" | "bad"}} Remark
 * @typedef {{id: string, time: string, flight: string, airline: string, code: string, place: string, craft: string, remark: Remark,
 *   from: string, mine: boolean}} FlightModel
 */

/** A departure counts as late from here on. [minutes] */
const LATE = 15;
/** The end of the scale of mean delays. [minutes] */
const SCALE = 60;
/** Flights that a search shows. */
const MOST_FOUND = 8;

/** "2013-01-01T05:15" -> "05:15" @param {string} moment */
export const timeOf = (moment) => moment.slice(11, 16);

/**
 * @param {any} flight
 * @returns {Remark}
 */
export function remarkOf({ status, estimated, delay_minutes: delay }) {
  const at = estimated ? ` ${timeOf(estimated)}` : "";
  if (status === "cancelled") return { text: "Cancelled", tone: "bad" };
  if (status === "landed") return { text: "Landed", tone: "soft" };
  if (status === "departed") return { text: `Departed${at}`, tone: "soft" };
  if (delay === null) return { text: "Scheduled", tone: "plain" };
  if (delay >= LATE) return { text: `Delayed${at}`, tone: "late" };
  return delay > 0 ? { text: `Expected${at}`, tone: "plain" } : { text: "On time", tone: "good" };
}

/** @param {any} aircraft */
function craftOf(aircraft) {
  if (!aircraft) return "";
  const seats = aircraft.seats ? `, ${aircraft.seats} seats` : "";
  return `${maker(aircraft.manufacturer)} ${aircraft.model ?? ""}`.trim() + seats;
}

/** "BOEING" -> "Boeing", "MCDONNELL DOUGLAS AIRCRAFT CO" -> "Mcdonnell Douglas" @param {string | null} name */
function maker(name) {
  const words = (name ?? "").toLowerCase().replace(/\b(aircraft|industrie|inc|co)\b/g, "").match(/\S+/g) ?? [];
  return words.map((word) => word[0].toUpperCase() + word.slice(1)).join(" ");
}

/** "Chicago Ohare Intl" -> "Chicago Ohare" @param {any} flight */
function placeOf({ destination, destination_name: name }) {
  return (name ?? destination).replace(/ (Intl|International)( Airport)?$/, "");
}

/** "United Air Lines Inc." -> "United Air Lines" @param {string | null} name */
function airlineOf(name) {
  return (name ?? "").replace(/ (Inc\.?|Co\.?|Corporation)$/, "");
}

/** @param {any} flight @param {string[]} mine @returns {FlightModel} */
export function flightModel(flight, mine) {
  return {
    id: flight.id,
    time: timeOf(flight.scheduled),
    flight: flight.flight,
    airline: airlineOf(flight.airline),
    code: flight.destination_name ? flight.destination : "",
    place: placeOf(flight),
    craft: craftOf(flight.aircraft),
    remark: remarkOf(flight),
    from: flight.origin,
    mine: mine.includes(flight.id),
  };
}

/** @param {Seen} seen @param {string[]} mine */
export function flightModels(seen, mine) {
  return seen.entries.map(([, [flight]]) => flightModel(flight, mine));
}

/** @param {Seen} seen */
export function delayModels(seen) {
  return seen.entries.map(([, [each]]) => {
    const mean = each.mean_delay_minutes;
    return {
      id: each.carrier,
      airline: airlineOf(each.airline) || each.carrier,
      flights: number(each.flights),
      left: number(each.departed),
      mean: mean === null ? "–" : `${mean < 0 ? "−" : ""}${Math.abs(Math.round(mean))} min`,
      share: mean === null ? 0 : Math.round((100 * Math.min(Math.max(mean, 0), SCALE)) / SCALE),
      late: mean !== null && mean >= LATE,
      late15: each.departed ? `${Math.round((100 * each.late_15) / each.departed)} %` : "–",
      cancelled: number(each.cancelled),
    };
  });
}

/** @param {number} count */
const number = (count) => count.toLocaleString("en");

/** The latest weather on a board. @param {Seen} board */
export function weatherModel(board) {
  const weather = board.entries.map(([, [flight]]) => flight.weather).find((each) => each);
  const show = (/** @type {any} */ value, /** @type {(value: number) => string} */ text) => (typeof value === "number" ? text(value) : "–");
  return {
    temperature: show(weather?.temp_f, (f) => `${Math.round(f)} °F, ${Math.round(((f - 32) * 5) / 9)} °C`),
    wind: show(weather?.wind_mph, (mph) => `${Math.round(mph)} mph`),
    visibility: show(weather?.visib_miles, (miles) => `${miles} miles`),
    rain: show(weather?.precip_in, (inches) => (inches === 0 ? "None" : `${inches} in/h`)),
  };
}

/** @param {Seen} seen */
export function clockModel(seen) {
  const clock = seen.entries[0]?.[1][0];
  if (!clock) return { time: "--:--", date: "", speed: "" };
  const day = new Date(`${clock.now.slice(0, 10)}T00:00Z`);
  return {
    time: timeOf(clock.now),
    date: day.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }),
    speed: clock.speed ? `${clock.speed}× real time` : "",
  };
}

/**
 * The ids that a flight number can have today: "ua1545" -> ["2013-01-01-UA-1545-EWR", …]
 *
 * @param {string} query
 * @param {Seen | undefined} clock
 * @param {string[]} airports
 * @returns {string[]}
 */
export function idsOf(query, clock, airports) {
  const now = clock?.entries[0]?.[1][0].now;
  const match = /^\s*([a-z0-9]{2})\s*-?\s*(\d{1,4})\s*$/i.exec(query);
  if (!now || !match) return [];
  return airports.map((airport) => `${now.slice(0, 10)}-${match[1].toUpperCase()}-${Number(match[2])}-${airport}`);
}

/**
 * The flights that a search finds, the next ones first: each word must begin a word of the flight.
 *
 * @param {string} query
 * @param {Seen[]} sources
 * @param {string[]} mine
 */
export function foundModels(query, sources, mine) {
  const wanted = wordsOf(query);
  if (wanted.length === 0) return [];
  const flights = new Map(sources.flatMap((seen) => seen.entries.map(([, [flight]]) => [flight.id, flight])));
  return [...flights.values()]
    .filter((flight) => wanted.every((word) => haystack(flight).some((each) => each.startsWith(word))))
    .sort((a, b) => (a.scheduled + a.id < b.scheduled + b.id ? -1 : 1))
    .slice(0, MOST_FOUND)
    .map((flight) => flightModel(flight, mine));
}

/** @param {any} flight */
function haystack(flight) {
  return wordsOf(`${flight.flight} ${flight.flight.replace(" ", "")} ${flight.airline} ${flight.destination} ${flight.destination_name} ${flight.origin}`);
}

/** @param {string} text */
function wordsOf(text) {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** @param {Seen} seen @returns {{title: string, remark: Remark, facts: [string, string][]} | null} */
export function detailModel(seen) {
  const flight = seen.entries[0]?.[1][0];
  if (!flight) return null;
  const model = flightModel(flight, []);
  const { aircraft, weather } = flight;
  const delay = flight.delay_minutes;
  return {
    title: `${model.flight} to ${model.place}`,
    remark: model.remark,
    facts: [
      ["Airline", model.airline],
      ["From", flight.origin],
      ["To", `${flight.destination_name ?? flight.destination} (${flight.destination})`],
      ["Scheduled", `${flight.scheduled.slice(0, 10)}, ${model.time}`],
      ["Delay", delay === null ? "Not known yet" : delay <= 0 ? `None (${-delay} min early)` : `${delay} min`],
      ["Aircraft", aircraft ? `${model.craft}${aircraft.year ? `, built ${aircraft.year}` : ""}` : "Not known"],
      ["Weather", weather ? `${Math.round(weather.temp_f)} °F, wind ${Math.round(weather.wind_mph ?? 0)} mph, visibility ${weather.visib_miles} miles` : "Not known"],
    ],
  };
}
