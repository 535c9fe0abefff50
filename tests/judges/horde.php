<?php
// Reads {"texts": [...], "answer": null or {"address", "name", "partstat"}} as JSON on standard input. Writes a list, one
// item for each text: {fault, method, events} as Horde's library understood it, or the REPLY it writes to it, "" if none.

error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', 'stderr');
date_default_timezone_set('UTC');
spl_autoload_register(function ($class) {
    @include str_replace('_', '/', $class) . '.php';
});

function instant($moment) {
    return is_int($moment) ? gmdate('Y-m-d\TH:i:s\Z', $moment) : '';
}

function address($uri) {
    return preg_replace('/^mailto:\s*/i', '', $uri);
}

function attendees($event) {
    try {
        $addresses = $event->getAttributeValues('ATTENDEE');
        $parameters = $event->getAttribute('ATTENDEE', true);
    } catch (Horde_Icalendar_Exception $error) {
        return [];
    }
    return array_map(function ($uri, $of) {
        return [address($uri), $of['CN'] ?? '', $of['PARTSTAT'] ?? ''];
    }, $addresses, $parameters);
}

function understood($event) {
    $found = new Horde_Itip_Event_Vevent($event);
    return [
        'uid' => $found->getUid(),
        'sequence' => (int) $event->getAttributeDefault('SEQUENCE', 0),
        'summary' => $found->getSummary(),
        'location' => $event->getAttributeDefault('LOCATION', ''),
        'starts_at' => instant($found->getStart()),
        'ends_at' => instant($found->getEnd() ?: $found->getStart()),
        'organiser' => $found->getOrganizer(),
        'attendees' => attendees($event),
        'status' => $event->getAttributeDefault('STATUS', ''),
    ];
}

function events($calendar) {
    return array_values(array_filter($calendar->getComponents(), function ($component) {
        return $component instanceof Horde_Icalendar_Vevent;
    }));
}

function read($text) {
    $calendar = new Horde_Icalendar();
    $fault = $calendar->parsevCalendar($text) ? '' : 'not read';
    return [
        'fault' => $fault,
        'method' => $calendar->getAttributeDefault('METHOD', ''),
        'events' => array_map('understood', events($calendar)),
    ];
}

function answer($text, $how) {
    $calendar = new Horde_Icalendar();
    if (!$calendar->parsevCalendar($text) || $calendar->getAttributeDefault('METHOD', '') != 'REQUEST') {
        return '';
    }
    $myself = new Horde_Itip_Resource_Base($how['address'], $how['name']);
    $answers = [
        'ACCEPTED' => 'Horde_Itip_Response_Type_Accept',
        'DECLINED' => 'Horde_Itip_Response_Type_Decline',
        'TENTATIVE' => 'Horde_Itip_Response_Type_Tentative',
    ];
    return Horde_Itip::prepareResponse(events($calendar)[0], $myself)
        ->getIcalendar(new $answers[$how['partstat']]($myself), new Horde_Itip_Response_Options_Kolab())
        ->exportvCalendar();
}

$question = json_decode(stream_get_contents(STDIN), true);
$answers = array_map(function ($text) use ($question) {
    try {
        return $question['answer'] ? answer($text, $question['answer']) : read($text);
    } catch (Horde_Exception_Wrapped | Horde_Icalendar_Exception $error) {
        return $question['answer'] ? '' : ['fault' => $error->getMessage(), 'method' => '', 'events' => []];
    }
}, $question['texts']);
echo json_encode($answers, JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
