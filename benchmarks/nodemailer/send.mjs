// The same letters from Node: nodemailer's pool with ical-generator. The order, `ready` and `go` are turns.py's.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import ical, { ICalAttendeeStatus, ICalCalendarMethod, ICalEventStatus } from "ical-generator";
import nodemailer from "nodemailer";

const order = JSON.parse(process.argv[2]);
const people = readFileSync(order.people, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));

const BASE_URL = "https://conference.example";
const ORGANISER = { name: "Conference Secretariat", address: "secretariat@conference.example" };
const EVENT = {
  title: "Capacity Building for Criminal Justice Practitioners",
  timezone: "Europe/Vienna",
  venue: { one_line: "Federal Ministry, Minoritenplatz 9, 1010 Vienna" },
  organiser: ORGANISER,
};
const STATES = new Intl.DisplayNames(["en"], { type: "region" });
const SECRET = "a secret key for the bench alone, nothing else";
const AGENDA =
  "One day on what training has achieved so far, and what comes next.\n\nAgenda\n" +
  [0, 1, 2, 3].map((n) => `${9 + 2 * n}:00–${10 + 2 * n}:00  Session ${n}`).join("\n");
const STARTS_AT = new Date(Date.now() + 45 * 24 * 3600 * 1000);
const ENDS_AT = new Date(STARTS_AT.getTime() + 7 * 3600 * 1000);

// A template with nothing but {{ values }} as a function of a letter's values.
function compile(source, written) {
  const pieces = source.split(/\{\{ ([a-z_.]+) \}\}/);
  const paths = pieces.map((piece, at) => (at % 2 ? piece.split(".") : piece));
  return (said) =>
    paths.map((piece) => (typeof piece === "string" ? piece : written(piece.reduce((o, key) => o[key], said)))).join("");
}
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign]);
const read = (part) => readFileSync(`${order.words}/invitation/en.${part}`, "utf8");
const subject = compile(read("subject.txt").trim(), String);
const text = compile(read("txt"), String);
const html = compile(read("html"), escaped);

const token = (purpose, address) =>
  createHmac("sha256", SECRET).update(`${purpose}:${address}`).digest("hex").slice(0, 38);

function invitation(person, name, page) {
  const calendar = ical({ prodId: "-//bench//bench//EN", method: ICalCalendarMethod.REQUEST });
  const entry = calendar.createEvent({
    id: `${token("uid", person.address)}@conference.example`,
    start: STARTS_AT,
    end: ENDS_AT,
    sequence: 0,
    summary: EVENT.title,
    description: `${AGENDA}\n\nPlease answer here\n${page}`,
    location: EVENT.venue.one_line,
    status: ICalEventStatus.CONFIRMED,
    url: page,
    organizer: { name: ORGANISER.name, email: ORGANISER.address },
  });
  entry.createAttendee({ name, email: person.address, status: ICalAttendeeStatus.NEEDSACTION, rsvp: true });
  return calendar.toString();
}

function compose(person) {
  const name = [person.title, person.given_name, person.family_name].filter(Boolean).join(" ");
  const links = {
    page: `${BASE_URL}/r/${token("page", person.address)}`,
    unsubscribe: `${BASE_URL}/u/${token("unsubscribe", person.address)}`,
  };
  const recipient = { ...person, full_name: name, state: STATES.of(person.state) };
  const said = { recipient, event: EVENT, links };
  return {
    from: ORGANISER,
    to: { name, address: person.address },
    subject: subject(said),
    text: text(said),
    html: html(said),
    messageId: `<${token("message", person.address)}@conference.example>`,
    headers: {
      "Auto-Submitted": "auto-generated",
      "X-Auto-Response-Suppress": "OOF, AutoReply",
      "List-Id": "<conference.conference.example>",
      "List-Unsubscribe": { prepared: true, value: `<${links.unsubscribe}>` },
      "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    icalEvent: { method: "REQUEST", filename: "invite.ics", content: invitation(person, name, links.page) },
  };
}

const pool = nodemailer.createTransport({
  host: "127.0.0.1",
  port: order.port,
  pool: true,
  maxConnections: order.lines,
  maxMessages: Infinity,
});

// Twice as many letters under way as lines: none waits for the next to be composed.
async function carry(some) {
  const waiting = some[Symbol.iterator]();
  const one = async () => {
    for (const person of waiting) await pool.sendMail(compose(person));
  };
  await Promise.all(Array.from({ length: 2 * order.lines }, one));
}

await carry(people.slice(order.letters));
console.log("ready");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
if ((await lines.next()).value === "go") {
  await carry(people.slice(0, order.letters));
  console.log("{}");
  await lines.next();
}
pool.close();
process.exit(0);
