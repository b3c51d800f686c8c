"""`python -m bench.capacity`: machines, database, store, network and money for bodies of different sizes.

The end is simulated in tenths of a second, beyond what two cores can run.
Nothing is drawn at random: the same assumptions give the same figures. What one thing costs is measured
(docs/performance.md, `python -m bench.ends`). How much of it there is, and what machines cost, is assumed here and
nowhere else.
"""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Assumptions:
    """How much is shared, and what is paid for. Money in kroner, without tax; nobody's price list."""

    inhabitants: int = 5_600_000
    shares_per_inhabitant_a_year: float = 2.0
    documents_per_share: float = 3.0
    megabytes_per_document: float = 4.0
    downloads_per_document: float = 1.3
    pages_per_share: float = 40.0
    days_open: float = 30.0
    working_days: int = 230
    part_of_day_in_busiest_hour: float = 0.18
    peak_within_the_hour: float = 3.0
    """How much more comes in the busiest minute than in the hour's average one."""
    part_ending_at_midnight: float = 1.0
    """Of a day's ends: a period ends with a day, so all may come at once."""
    share_rows_kept_days: float = 365.0
    node_cores: int = 4
    busy: float = 0.5
    """How much of a machine may be used at the peak, so that one may fail."""
    store_overhead: float = 1.5
    """Erasure coding or copies."""
    kroner_per_core_month: float = 250.0
    kroner_per_stored_terabyte_month: float = 250.0
    kroner_per_sent_terabyte: float = 100.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What one thing costs, measured on two cores of an AMD EPYC. Seconds are of one core."""

    upload_core_seconds_per_gigabyte: float = 0.5
    download_core_seconds_per_gigabyte: float = 0.4
    proxy_core_seconds_per_gigabyte: float = 0.7
    """nginx with TLS, one way."""
    page_core_seconds: float = 0.02
    inspection_core_seconds_per_gigabyte: float = 1.0
    database_bytes_per_share: float = 6_000.0
    """With recipients, three documents, uploads, parts, events and indexes."""
    batch: int = 500
    key_worker_seconds: float = 0.000_10
    key_database_seconds: float = 0.000_1
    first_look_seconds: float = 1.0
    """A worker that has had nothing to do looks again after that."""
    key_commits_a_batch: float = 0.01
    """Waiting for disks, twice a batch and once for the keyring: nobody computes meanwhile."""
    document_worker_seconds: float = 0.000_06
    document_database_seconds: float = 0.000_3
    key_pause_a_batch: float = 0.1
    pause_a_batch: float = 0.25
    rest: float = 2.0
    """A worker's pause after each batch, in favour of interactive users. After a batch of objects it is at least
    this multiple of the batch's time."""


@dataclass(frozen=True, slots=True)
class EndOfDay:
    """How an end went, in the simulation."""

    keys_seconds: float
    clear_seconds: float


@dataclass(frozen=True, slots=True)
class Need:
    """What it takes."""

    shares_a_day: float
    gigabytes_a_day: float
    peak_megabits_up: float
    peak_megabits_down: float
    web_cores: float
    nodes: int
    database_gigabytes: float
    stored_terabytes: float
    end: EndOfDay
    kroner_a_month: float


STEP = 0.1


def simulate_end(shares: int, workers: int, cores: int, costs: Costs, documents: float = 3.0) -> EndOfDay:
    """``shares`` end at once. Each worker has a thread that destroys keys and one that clears up behind it.

    A thread computes, waits for the database and waits for disks, in turn. A process computes in one thread at a
    time. What the cores cannot do at once is shared out evenly.
    """
    keys, released, at, keys_at = float(shares), 0.0, costs.first_look_seconds, 0.0
    waiting = shares * documents
    key_core = costs.key_worker_seconds + costs.key_database_seconds
    key_alone = 1 / (key_core + (costs.key_commits_a_batch + costs.key_pause_a_batch) / costs.batch)
    clear_core = costs.document_worker_seconds + costs.document_database_seconds
    clear_alone = 1 / (clear_core + max(costs.pause_a_batch / costs.batch, costs.rest * clear_core))
    while waiting > 1e-6:
        able = [workers * key_alone if keys else 0.0, workers * clear_alone if released > 1e-6 or keys else 0.0]
        wanted = able[0] * key_core + able[1] * clear_core
        python = able[0] * costs.key_worker_seconds + able[1] * costs.document_worker_seconds
        slowed = min(1.0, cores / wanted, workers / python) if wanted else 1.0
        done = min(keys, able[0] * slowed * STEP)
        keys, released, at = keys - done, released + done * documents, at + STEP
        cleared = min(released, able[1] * slowed * STEP)
        released, waiting = released - cleared, waiting - cleared
        keys_at = keys_at or (at if keys <= 1e-6 else 0.0)
    return EndOfDay(keys_at, at)


def need(assumed: Assumptions, costs: Costs) -> Need:
    """What it takes to be ready for the busiest hour with one node gone."""
    shares = assumed.inhabitants * assumed.shares_per_inhabitant_a_year / assumed.working_days
    gigabytes = shares * assumed.documents_per_share * assumed.megabytes_per_document / 1000
    hour = assumed.part_of_day_in_busiest_hour / 3600
    up, down = gigabytes * hour, gigabytes * hour * assumed.downloads_per_document
    proxied = (up + down) * costs.proxy_core_seconds_per_gigabyte
    bytes_in = up * (costs.upload_core_seconds_per_gigabyte + costs.inspection_core_seconds_per_gigabyte)
    bytes_out = down * costs.download_core_seconds_per_gigabyte
    pages = shares * hour * assumed.pages_per_share * costs.page_core_seconds
    cores = proxied + bytes_in + bytes_out + pages
    nodes = max(2, ceil(cores * assumed.peak_within_the_hour / assumed.busy / assumed.node_cores) + 1)
    kept = shares * assumed.working_days / 365 * (assumed.share_rows_kept_days + assumed.days_open)
    stored = gigabytes * assumed.working_days / 365 * assumed.days_open / 1000
    machines = (nodes + 2) * assumed.node_cores * assumed.kroner_per_core_month
    storage = stored * assumed.store_overhead * assumed.kroner_per_stored_terabyte_month
    shared = gigabytes * assumed.working_days / 12 / 1000
    sent = shared * assumed.downloads_per_document
    kroner = machines + storage + sent * assumed.kroner_per_sent_terabyte
    ending = round(shares * assumed.part_ending_at_midnight)
    return Need(
        shares_a_day=shares,
        gigabytes_a_day=gigabytes,
        peak_megabits_up=up * assumed.peak_within_the_hour * 8000,
        peak_megabits_down=down * assumed.peak_within_the_hour * 8000,
        web_cores=cores,
        nodes=nodes,
        database_gigabytes=kept * costs.database_bytes_per_share / 1e9,
        stored_terabytes=stored,
        end=simulate_end(ending, 2, assumed.node_cores, costs, assumed.documents_per_share),
        kroner_a_month=kroner,
    )


INHABITANTS = 5_000, 25_000, 100_000, 700_000, 5_600_000
"""Four bodies, and all of Norway in one service."""
ROWS = (
    ("shares a working day", "shares_a_day", "{:,.0f}"),
    ("GB a working day", "gigabytes_a_day", "{:,.1f}"),
    ("peak in, Mbit/s", "peak_megabits_up", "{:,.1f}"),
    ("peak out, Mbit/s", "peak_megabits_down", "{:,.1f}"),
    ("cores in the busiest hour, on average", "web_cores", "{:,.2f}"),
    ("nodes of four cores, one of which may fail", "nodes", "{}"),
    ("database, GB", "database_gigabytes", "{:,.1f}"),
    ("stored, TB", "stored_terabytes", "{:,.2f}"),
    ("a day's ends at once, two workers: keys, s", "end.keys_seconds", "{:,.0f}"),
    ("until all of their objects are gone, s", "end.clear_seconds", "{:,.0f}"),
    ("kroner a month", "kroner_a_month", "{:,.0f}"),
)


def table() -> str:
    """Return the sizing table of docs/performance.md."""
    needs = [need(Assumptions(inhabitants=size), Costs()) for size in INHABITANTS]
    head = [f"{size:,}".replace(",", " ") for size in INHABITANTS]
    lines = [f"| inhabitants | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for title, name, form in ROWS:
        cells = [form.format(_value(one, name)).replace(",", " ") for one in needs]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    print(table())


def _value(one: object, name: str) -> object:
    for step in name.split("."):
        one = getattr(one, step)
    return one


if __name__ == "__main__":
    main()
