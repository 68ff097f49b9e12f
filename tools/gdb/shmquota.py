# SPDX-License-Identifier: MIT
"""Quota segments in gdb, in the words of docs/layout.md, of live processes and of cores.

Printers show the structures of a segment and the library's own: headers, slots, holdings, trackers, quotas, handles,
reservations. Commands walk over a segment:

    shmquota segments                     what this process has open
    shmquota workers [SEGMENT]            its attached threads, and what they hold or have on lease
    shmquota components [SEGMENT]         its components, a line each
    shmquota component NAME [SEGMENT]     what a component uses of its quota

SEGMENT is an expression of type struct shmq_segment *; without it, it is the only one. gdb loads this file with the
library where it is installed below gdb's own folder of scripts; elsewhere say `source .../shmquota.py`. It needs the
library's debug information (package libshmquota0-dbgsym, or a build with -g), and of a core also what it maps: a segment
that still has its name is read from there, as it is now; a core has it as it was where /proc/PID/coredump_filter had bit
3 (`echo 0x3b`) set.

Nothing in the process is called or changed, and every index that is read is bounded: it may be what is damaged.
"""

import re

import gdb
import gdb.printing

RESOURCES = ("storage", "messages", "network", "cpu", "memory")
RATES = ("messages", "network", "cpu")
LEVELS = ("storage", "memory")
UNITS = {"storage": "bytes", "messages": "messages", "network": "bytes", "cpu": "us", "memory": "bytes"}
STATES = {0: "free", 1: "live", 2: "dying"}
ALGORITHMS = ("window", "sliding", "bucket")
ENFORCEMENTS = ("deny", "warn", "off")
QUOTA_FLAGS = ("present", "declared", "own", "group", "asked", "frozen", "grouped")
SLOT_FLAGS = ("of an ended thread", "membarrier")
LEASES = 8  # of a thread
ALL_ONES_48 = (1 << 48) - 1


def word(value):
    """The number in an atomic word, or in anything that is a number."""
    value = value if value.type.strip_typedefs().code != gdb.TYPE_CODE_STRUCT else value["value"]
    return int(value)


def bits(number, at, count):
    return number >> at & (1 << count) - 1


def flags_text(number, names):
    return ", ".join(name for i, name in enumerate(names) if number >> i & 1) or "none"


def thread_text(token):
    return "thread %d" % (token >> 42) if token else "nobody"


def name_text(array, length):
    raw = bytes(int(array[i]) & 0xFF for i in range(min(length, array.type.sizeof)))
    return raw.decode("utf-8", "replace")


def handle_name(handle):
    outside = handle["name_outside"]
    return (outside if int(outside) else handle["name_inside"]).string("utf-8", "replace")


def has_field(value, name):
    return any(field.name == name for field in value.type.strip_typedefs().fields())


# ---- What words mean -------------------------------------------------------------------------------------------------


def rate_text(rate):
    """[start_ms:40 | seq:24], and the baseline [seq:16 | total:48] that is tagged with it."""
    current, total = word(rate["current"]), word(rate["total"])
    start_ms, seq = current >> 24, bits(current, 0, 24)
    base = word(rate["base"][seq % 4])
    text = "total %d" % total
    if current:
        if base >> 48 == seq & 0xFFFF:
            used = total - base & ALL_ONES_48
            text += ", %d used in window %d, which began at %.3f s" % (used, seq, start_ms / 1000)
        else:
            text += ", nothing used yet in window %d, which began at %.3f s" % (seq, start_ms / 1000)
    text += ", peak %d" % word(rate["peak"])
    tat = word(rate["tat"])
    if tat:
        text += ", bucket full again at %.6f s" % ((tat >> 6) / 1e9)
    return text


def level_used(level):
    return word(level["in"]) - word(level["out"]) & (1 << 51) - 1


def level_side_text(number):
    """[slot:13 | amount:51], the slot counted from 1; 0 is an operation that holds nothing."""
    slot = number >> 51
    return "%d%s" % (bits(number, 0, 51), " by slot %d" % (slot - 1) if slot else "")


def level_text(level):
    sides = (level_side_text(word(level["in"])), level_side_text(word(level["out"])))
    return "%d used (in %s, out %s), peak %d" % ((level_used(level),) + sides + (word(level["peak"]),))


def amount_text(number):
    return "unlimited" if number & ALL_ONES_48 == ALL_ONES_48 else "%d" % (number & ALL_ONES_48)


def limit_text(resource, quota, name):
    """[place | amount:48], mode [period_ms:42 | critical:7 | warning:7 | enforcement:4 | on lease:1 | algorithm:3]."""
    mode, limit, burst = (word(resource[field]) for field in ("mode", "limit", "burst"))
    text = "%s %s" % (amount_text(limit), UNITS[name])
    if mode >> 22:
        algorithm, text = bits(mode, 0, 3), text + " per %d ms" % (mode >> 22)
        text += ", %s" % (ALGORITHMS[algorithm] if algorithm < len(ALGORITHMS) else "algorithm %d" % algorithm)
    if burst & ALL_ONES_48:
        text += ", burst %s" % amount_text(burst)
    if name in RATES and word(quota["lease"][RATES.index(name)]):
        text += ", lease %d" % word(quota["lease"][RATES.index(name)])
    enforcement = bits(mode, 4, 4)
    text += ", %s" % (ENFORCEMENTS[enforcement] if enforcement < len(ENFORCEMENTS) else "enforcement %d" % enforcement)
    text += ", warning at %d %%, critical at %d %%" % (bits(mode, 8, 7), bits(mode, 15, 7))
    place = limit >> 48 << 16 | burst >> 48
    return text + (", file %d line %d" % (place >> 22, bits(place, 0, 22)) if place else "")


def reading_text(ctr):
    """[epoch:48 | nesting:16]; 0 is idle."""
    return "reading since epoch %d, nesting %d" % (ctr >> 16, bits(ctr, 0, 16)) if ctr & 0xFFFF else "idle"


def level_name(number):
    """An intent's [component:32 | level:1 | is_out:1] + 1."""
    number -= 1
    return "%s %s of component %d" % ("out of" if number & 1 else "into", LEVELS[number >> 1 & 1], number >> 2)


def registration_text(number):
    """[index + 1:24 | generation:40]."""
    return "component %d, generation %d" % ((number >> 40) - 1, bits(number, 0, 40)) if number else "none"


def lease_text(lease):
    """[resource:4 | component + 1:28] of the first rank says of what."""
    left, first = word(lease["left"]), word(lease["component"][0])
    if left == 0:
        return "nothing"
    return "%d of %s of component %d" % (left, RESOURCES[(first >> 28) % len(RESOURCES)], bits(first, 0, 28) - 1)


def intent_text(intent):
    state = word(intent["state"])
    if state & 3 == 0:
        return "idle, %d operations so far" % (state >> 2)
    where = level_name(word(intent["word"])) if word(intent["word"]) else "nowhere"
    return "%s: %s, from %d, entry %d then says %#x" % (
        {1: "pending", 2: "done"}.get(state & 3, "state %d" % (state & 3)),
        where,
        word(intent["before"]),
        word(intent["entry"]),
        word(intent["after"]),
    )


def holding_text(holding):
    """[first:4 | last - 1:4 | others:4 | amount:52]: ranks of a component and the groups above it."""
    held = word(holding["held"])
    if held == 0:
        return "nothing"
    level = word(holding["level"])
    first, last, others = held >> 60, bits(held, 56, 4), bits(held, 52, 4)
    text = "%d bytes of %s of component %d, generation %d" % (
        bits(held, 0, 52),
        {0: "storage", 1: "memory", 2: "storage and memory"}.get(level & 0xFFFFFFFF, "level %d" % (level & 0xFFFFFFFF)),
        level >> 32,
        word(holding["genstate"]) >> 8,
    )
    if first or last or others:
        text += ", ranks %d to %d" % (first, last)
        text += ", the last %d of them %d bytes" % (others, word(holding["rest"])) if others else ""
    return text


# ---- Printers ----------------------------------------------------------------------------------------------------------


class Text:
    """Shows a value as one line."""

    def __init__(self, text):
        self.text = text

    def to_string(self):
        return self.text


class Fields:
    """Shows a value as terms and what they say."""

    def __init__(self, title, pairs):
        self.title, self.pairs = title, list(pairs)

    def to_string(self):
        return self.title

    def children(self):
        return iter((name, gdb.Value(content) if isinstance(content, int) else content) for name, content in self.pairs)



def print_header(value):
    yield "magic", int(value["magic"]).to_bytes(8, "little").decode("latin-1")
    yield "layout", "%d.%d" % (int(value["major"]), int(value["minor"]))
    yield "kind", {1: "policy", 2: "usage"}.get(int(value["kind"]), "none")
    for name in ("components", "threads", "reservations", "events", "rules_bytes", "object_bytes"):
        yield name, int(value[name])
    yield "creator", thread_text(int(value["creator"]))
    yield "persistent", "yes" if int(value["persistent"]) else "no"
    yield "features", flags_text(int(value["features"]), ("membarrier", "huge pages"))
    yield "huge pages", "%d bytes" % int(value["huge_bytes"]) if int(value["features"]) & 2 else "no"


def print_control(value):
    generation = word(value["generation"])
    yield "policy generation", generation
    yield "quotas in force", "table %d" % (generation & 1)
    yield "epoch", word(value["epoch"])
    yield "grace periods over up to", word(value["done"])
    yield "controller lock", thread_text(word(value["lock"]))
    for name in ("steals", "registered", "retired", "retirements"):
        yield name, word(value[name])


def print_entry(value):
    genstate = word(value["genstate"])
    yield "name", name_text(value["name"], int(value["name_length"]))
    yield "state", STATES.get(genstate & 0xFF, "damaged")
    yield "generation", genstate >> 8
    if genstate & 0xFF == 2:
        yield "free after epoch", word(value["cookie"])
    yield "next in bucket", word(value["next"]) - 1 if word(value["next"]) else "none"


def print_quota(value):
    for i, name in enumerate(RESOURCES):
        yield name, limit_text(value["resource"][i], value, name)
    flags = word(value["flags"])
    yield "flags", flags_text(flags, QUOTA_FLAGS)
    yield "group", "component %d" % (word(value["parent"]) - 1) if word(value["parent"]) else "none"


def print_slot(value):
    yield "owner", thread_text(word(value["owner"]))
    yield "section", reading_text(word(value["ctr"]))
    yield "attached at", "%.3f s" % (word(value["attached_ns"]) / 1e9)
    yield "flags", flags_text(word(value["flags"]), SLOT_FLAGS)
    yield "intent", intent_text(value["intent"])
    if has_field(value, "refused_name") and word(value["refused_name"]):
        name = word(value["refused_name"])
        yield "refusals not yet counted", "%d of %s of component %d" % (
            word(value["refused"]),
            RESOURCES[(name & 0xFFFFFFFF) % len(RESOURCES)],
            (name >> 32) - 1,
        )


def print_tracker(value):
    for i, name in enumerate(RATES):
        yield name, rate_text(value["rate"][i])
    for i, name in enumerate(LEVELS):
        yield name, level_text(value["level"][i])
    for field in ("denied", "would_deny"):
        counted = [(name, word(value[field][i])) for i, name in enumerate(RESOURCES)]
        yield field, ", ".join("%s %d" % pair for pair in counted if pair[1]) or "none"
    alarms = [(name, word(value["threshold"][i]) & 3) for i, name in enumerate(RESOURCES)]
    yield "thresholds", ", ".join("%s %s" % (name, ("", "warning", "critical", "damaged")[state])
                                  for name, state in alarms if state) or "none reached"
    yield "forbidden", word(value["forbidden"])


def print_segment(value):
    control = value["policy"]["control"]
    yield "name", value["name"].string(errors="replace")
    yield "access", str(value["access"]).replace("SHMQ_", "").lower()
    yield "components", "%d of %d" % (word(control["registered"]), int(value["layout"]["components"]))
    yield "threads", "%d of %d" % (len(list(owned_slots(value))), int(value["layout"]["threads"]))
    yield "policy generation", word(control["generation"])
    yield "controller lock", thread_text(word(control["lock"]))


def print_component(value):
    segment, key = value["segment"], value["key"]
    index, genstate = int(key["index"]), int(key["genstate"])
    yield "name", handle_name(value)
    yield "id", index
    yield "generation", genstate >> 8
    yield "segment", segment["name"].string(errors="replace")
    yield "references", word(value["references"])
    if index < int(segment["layout"]["components"]):
        stale = word(segment["entries"][index]["genstate"]) != genstate
        yield "state", "stale: the component was unregistered" if stale else "in force"


def print_reservation(value):
    if int(value["component"]) == 0:
        yield "state", "finished"
        return
    resource = int(value["resource"])
    yield "state", "open"
    yield "amount", int(value["amount"])
    yield "resource", RESOURCES[resource] if 0 <= resource < len(RESOURCES) else "damaged"
    yield "component", handle_name(value["component"])
    yield "slot", int(value["slot"])


def title_and_fields(title, fields):
    return lambda value: Fields(title, fields(value))


def one_line(text):
    return lambda value: Text(text(value))


PRINTERS = (
    ("shm_u32", one_line(lambda value: str(int(value["value"])))),
    ("shm_u64", one_line(lambda value: str(int(value["value"])))),
    ("shmq_shm_rate", one_line(rate_text)),
    ("shmq_shm_level", one_line(level_text)),
    ("shmq_shm_intent", one_line(intent_text)),
    ("shmq_shm_holding", one_line(holding_text)),
    ("shmq_shm_lease", one_line(lease_text)),
    ("shmq_shm_header", title_and_fields("header", print_header)),
    ("shmq_shm_control", title_and_fields("control", print_control)),
    ("shmq_shm_entry", title_and_fields("entry", print_entry)),
    ("shmq_shm_quota", title_and_fields("quota", print_quota)),
    ("shmq_shm_slot", title_and_fields("slot", print_slot)),
    ("shmq_shm_tracker", title_and_fields("tracker", print_tracker)),
    ("shmq_segment", title_and_fields("segment", print_segment)),
    ("shmq_component", title_and_fields("component", print_component)),
    ("shmq_reservation", title_and_fields("reservation", print_reservation)),
)


# ---- Walking over a segment ----------------------------------------------------------------------------------------


def open_segments():
    """What the library's table of open segments has."""
    symbol = gdb.lookup_static_symbol("open_segments")
    if symbol is None:
        raise gdb.GdbError("There is no debug information of libshmquota: install libshmquota0-dbgsym, or build with -g.")
    table = symbol.value()
    first, last = table.type.range()
    return [table[i] for i in range(first, last + 1) if int(table[i])]


def segment_named(text):
    if text:
        return gdb.parse_and_eval(text).dereference()
    found = open_segments()
    if len(found) != 1:
        raise gdb.GdbError("%d segments are open; say which by an expression, see 'shmquota segments'." % len(found))
    return found[0].dereference()


def owned_slots(segment):
    for i in range(int(segment["layout"]["threads"])):
        if word(segment["slots"][i]["owner"]):
            yield i, segment["slots"][i]


def holdings_of(segment, slot):
    entries = int(segment["layout"]["entries"])
    for i in range(slot * entries, (slot + 1) * entries):
        if word(segment["ledgers"][i]["held"]):
            yield holding_text(segment["ledgers"][i])


def leases_of(segment, slot):
    for i in range(slot * LEASES, (slot + 1) * LEASES):
        if word(segment["leases"][i]["left"]):
            yield lease_text(segment["leases"][i])


def components_of(segment):
    for i in range(int(segment["layout"]["components"])):
        entry = segment["entries"][i]
        if word(entry["genstate"]) & 0xFF == 1:
            yield i, name_text(entry["name"], int(entry["name_length"]))


def quota_in_force(segment, index):
    return segment["quotas"][word(segment["policy"]["control"]["generation"]) & 1][index]


def refused(segment, index, resource):
    """The tracker's figure, and what slots have counted and not yet added to it."""
    count = word(segment["trackers"][index]["denied"][resource])
    for _, slot in owned_slots(segment):
        if has_field(slot, "refused_name") and word(slot["refused_name"]) == index + 1 << 32 | resource:
            count += word(slot["refused"])
    return count


def component_lines(segment, index):
    tracker, quota = segment["trackers"][index], quota_in_force(segment, index)
    for i, name in enumerate(RESOURCES):
        in_rates = name in RATES
        text = rate_text(tracker["rate"][RATES.index(name)]) if in_rates else level_text(tracker["level"][LEVELS.index(name)])
        yield "  %-9s %s" % (name, text)
        yield "  %-9s of %s, denied %d" % ("", limit_text(quota["resource"][i], quota, name), refused(segment, index, i))


class Prefix(gdb.Command):
    """Look at quota segments (libshmquota)."""

    def __init__(self):
        super().__init__("shmquota", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Command(gdb.Command):
    """A command whose lines a function yields; its help is the function's."""

    def __init__(self, function):
        self.__doc__, self.function = function.__doc__, function
        super().__init__("shmquota " + function.__name__, gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        try:
            for line in self.function(argument.strip()):
                gdb.write(line + "\n")
        except gdb.MemoryError as error:
            raise gdb.GdbError(
                "%s. The core has no shared memory (coredump_filter), or the segment is gone; a copy of its two files "
                "can be looked at with shm-dump." % error
            )


def segments(_):
    """List the segments that this process has open."""
    for pointer in open_segments():
        fields = dict(print_segment(pointer.dereference()))
        yield "(struct shmq_segment *) %#x  %s  %s, components %s, threads %s, policy %d" % (
            (int(pointer),) + tuple(fields[name] for name in ("name", "access", "components", "threads", "policy generation"))
        )


def workers(argument):
    """List the threads that are attached to a segment, and what they hold."""
    segment = segment_named(argument)
    for i, slot in owned_slots(segment):
        yield "slot %d: %s" % (i, ", ".join(str(content) for _, content in list(print_slot(slot))[:3]))
        for text in holdings_of(segment, i):
            yield "  holds %s" % text
        for text in leases_of(segment, i):
            yield "  has on lease %s" % text


def components(argument):
    """List the components of a segment."""
    segment = segment_named(argument)
    for i, name in components_of(segment):
        tracker = segment["trackers"][i]
        levels = ", ".join("%s %d" % (level, level_used(tracker["level"][k])) for k, level in enumerate(LEVELS))
        denied = sum(refused(segment, i, resource) for resource in range(len(RESOURCES)))
        yield "%6d  %-24s  %s, denied %d" % (i, name, levels, denied)


def component(argument):
    """Show what a component uses of its quota: NAME, in quotes if it has blanks, then a segment if there are several."""
    match = re.match(r'(?:"([^"]*)"|(\S+))\s*(.*)', argument)
    if not match:
        raise gdb.GdbError("Which component? 'shmquota components' lists them.")
    wanted, segment = match.group(1) or match.group(2), segment_named(match.group(3))
    for i, name in components_of(segment):
        if name == wanted:
            yield "component %d, %s" % (i, name)
            yield from component_lines(segment, i)
            return
    raise gdb.GdbError("There is no component '%s'; 'shmquota components' lists them." % wanted)


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("shmquota")
    for name, make in PRINTERS:
        printers.add_printer(name, "^%s$" % name, make)
    gdb.printing.register_pretty_printer(gdb.current_objfile(), printers, replace=True)
    Prefix()
    for function in (segments, workers, components, component):
        Command(function)


register()
