// Reads a JSON list of texts on standard input; writes a list of {faults, events}, one for each.
// ical.js is the parser of Thunderbird and Nextcloud.
import fs from 'node:fs';
import ICAL from 'ical.js';

function utc(time) {
  return time.convertToZone(ICAL.Timezone.utcTimezone).toString();
}

function unfolded(text) {
  return text.replace(/\r\n[ \t]/g, '').trimEnd();
}

function* faults(parsed, calendar, text) {
  if (calendar.name !== 'vcalendar') yield `not a calendar but ${calendar.name}`;
  if (unfolded(ICAL.stringify(parsed)) !== unfolded(text)) yield 'written again, it is another text';
  for (const event of calendar.getAllSubcomponents('vevent')) {
    for (const name of ['dtstart', 'dtend', 'dtstamp']) {
      const property = event.getFirstProperty(name);
      if (property && property.type !== 'date-time') yield `${name} is a ${property.type}`;
      const tzid = property && property.getFirstParameter('tzid');
      if (tzid && property.getFirstValue().zone.tzid !== tzid) yield `${name}: zone ${tzid} is not known`;
    }
  }
}

function read(text) {
  ICAL.TimezoneService.reset();
  let parsed;
  try {
    parsed = ICAL.parse(text);
  } catch (error) {
    return { faults: [`not parsed: ${error.message}`], events: [] };
  }
  const calendar = new ICAL.Component(parsed);
  for (const zone of calendar.getAllSubcomponents('vtimezone')) {
    ICAL.TimezoneService.register(new ICAL.Timezone(zone));
  }
  try {
    const events = calendar.getAllSubcomponents('vevent').map((component) => {
      const event = new ICAL.Event(component, { strictExceptions: true });
      return { uid: event.uid, sequence: event.sequence, summary: event.summary, startsAt: utc(event.startDate) };
    });
    return { faults: [...faults(parsed, calendar, text)], events };
  } catch (error) {
    return { faults: [`not understood: ${error.message}`], events: [] };
  }
}

const texts = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(texts.map(read)));
