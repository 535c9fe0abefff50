// Reads {"texts": [...], "answer": null or {"address", "partstat"}} as JSON on standard input. Writes a list, one item
// for each text: {fault, method, events} as KMail's library understood it, or the REPLY it writes to it, "" if none.
#include <KCalendarCore/Event>
#include <KCalendarCore/Exceptions>
#include <KCalendarCore/ICalFormat>
#include <KCalendarCore/MemoryCalendar>
#include <KCalendarCore/ScheduleMessage>

#include <QCoreApplication>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QMap>
#include <QTimeZone>

using namespace KCalendarCore;

static const QMap<QString, Attendee::PartStat> partstats{
    {"NEEDS-ACTION", Attendee::NeedsAction}, {"ACCEPTED", Attendee::Accepted},   {"DECLINED", Attendee::Declined},
    {"TENTATIVE", Attendee::Tentative},      {"DELEGATED", Attendee::Delegated},
};

static MemoryCalendar::Ptr emptyCalendar()
{
    return MemoryCalendar::Ptr(new MemoryCalendar(QTimeZone::utc()));
}

static QString instant(const QDateTime &moment)
{
    return moment.isValid() ? moment.toUTC().toString(Qt::ISODate) : QString();
}

static QString status(Incidence::Status status)
{
    switch (status) {
    case Incidence::StatusConfirmed:
        return "CONFIRMED";
    case Incidence::StatusCanceled:
        return "CANCELLED";
    case Incidence::StatusTentative:
        return "TENTATIVE";
    default:
        return QString();
    }
}

static QJsonObject understood(const Event::Ptr &event)
{
    QJsonArray attendees;
    for (const Attendee &attendee : event->attendees()) {
        attendees.append(QJsonArray{attendee.email(), attendee.name(), partstats.key(attendee.status())});
    }
    return {
        {"uid", event->uid()},
        {"sequence", event->revision()},
        {"summary", event->summary()},
        {"location", event->location()},
        {"starts_at", instant(event->dtStart())},
        {"ends_at", instant(event->dtEnd())},
        {"organiser", event->organizer().email()},
        {"attendees", attendees},
        {"status", status(event->status())},
    };
}

static QJsonObject read(const QString &text)
{
    ICalFormat format;
    const auto calendar = emptyCalendar();
    QString fault;
    if (!format.fromRawString(calendar, text.toUtf8())) {
        fault = QString("not read: %1").arg(format.exception() ? format.exception()->code() : -1);
    }
    const auto message = format.parseScheduleMessage(emptyCalendar(), text);
    if (!message && fault.isEmpty()) {
        fault = QString("no scheduling message: %1").arg(format.exception() ? format.exception()->code() : -1);
    }
    QJsonArray events;
    for (const Event::Ptr &event : calendar->rawEvents()) {
        events.append(understood(event));
    }
    return {
        {"fault", fault},
        {"method", message ? ScheduleMessage::methodName(message->method()).toUpper() : QString()},
        {"events", events},
    };
}

static QString answer(const QString &text, const QJsonObject &how)
{
    ICalFormat format;
    const auto message = format.parseScheduleMessage(emptyCalendar(), text);
    if (!message || message->method() != iTIPRequest) {
        return QString();
    }
    const Incidence::Ptr asked = message->event().dynamicCast<Incidence>();
    Attendee myself = asked->attendeeByMail(how["address"].toString());
    if (myself.isNull()) {
        myself = Attendee(QString(), how["address"].toString());
    }
    myself.setStatus(partstats.value(how["partstat"].toString()));
    myself.setRSVP(false);
    const Incidence::Ptr reply(asked->clone());
    reply->clearAttendees();
    reply->addAttendee(myself);
    return format.createScheduleMessage(reply, iTIPReply);
}

int main(int argc, char **argv)
{
    QCoreApplication application(argc, argv);
    QFile input, output;
    if (!input.open(stdin, QIODevice::ReadOnly) || !output.open(stdout, QIODevice::WriteOnly)) {
        return 1;
    }
    const QJsonObject question = QJsonDocument::fromJson(input.readAll()).object();
    QJsonArray answers;
    for (const QJsonValue &text : question["texts"].toArray()) {
        if (question["answer"].isObject()) {
            answers.append(answer(text.toString(), question["answer"].toObject()));
        } else {
            answers.append(read(text.toString()));
        }
    }
    output.write(QJsonDocument(answers).toJson(QJsonDocument::Compact));
    return 0;
}
