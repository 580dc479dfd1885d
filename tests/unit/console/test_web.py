import hashlib
import re
from datetime import timedelta

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from s1pdgs.access.guard import KEY_HEADER
from s1pdgs.catalogue.door import product_uuid
from s1pdgs.jobs import queue
from s1pdgs.jobs.limits import Used, record
from s1pdgs.jobs.listing import find_job
from s1pdgs.jobs.queue import Claim
from s1pdgs.publication.publisher import Patience, publish_step, request
from tests.unit.console.conftest import GRD, NOON, ORBIT, PACIFIC, SEGMENT, SESSION, SLC, SLICE, Stage

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def text_of(html: str) -> str:
    """What a reader sees: no tags, single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def card(html: str, name: str) -> str:
    found = re.search(rf'<li id="{name}">(.*?)\n</li>', html, re.DOTALL)
    assert found is not None
    return text_of(found[1])


def row(html: str, identifier: str) -> str:
    found = re.search(rf'<tr id="{identifier}".*?</tr>', html, re.DOTALL)
    assert found is not None
    return found[0]


def test_an_empty_ground_segment_says_what_will_appear_and_how(empty: Stage) -> None:
    page = TestClient(empty.app(sources={})).get("/")
    assert page.status_code == 200
    told = text_of(page.text)
    assert "All is well" in told
    assert "s1pdgs ingest PATH" in told
    assert "s1pdgs demo" in told
    assert "[[sources]]" in told


def test_sources_that_were_never_polled_are_listed(empty: Stage) -> None:
    assert "svalbard not polled yet" in card(empty.client().get("/").text, "stations")


def test_a_source_that_is_no_longer_polled_is_a_trouble(stage: Stage) -> None:
    assert "svalbard is not polled" not in stage.client().get("/").text
    stage.clock.advance(3600)
    assert "source svalbard is not polled" in text_of(stage.client().get("/").text)


def test_each_station_of_the_walk_tells_what_stands_in_it(stage: Stage) -> None:
    html = stage.client().get("/").text
    assert "http://auxip/odata/v1: connection refused" in card(html, "stations")
    inbox = card(html, "inbox")
    assert SESSION in inbox
    assert "ch 1 5/9" in inbox
    assert "ch 2 3/7+" in inbox, "the final block of channel 2 is not known yet"
    assert "1 set aside" in inbox
    assert "7 products" in card(html, "catalogue")
    assert "S3_RAW__0S 2" in card(html, "catalogue")
    assert "waits for AUX_RESORB" in card(html, "triggers")
    assert "2 ready running 1 parked 1 done 3 dropped 1" in card(html, "queue")
    assert "62% azimuth focusing" in card(html, "processors")
    publication = card(html, "publication")
    assert "3 published" in publication
    assert SLC in publication


def test_the_header_names_what_needs_attention(stage: Stage) -> None:
    state = re.search(r'<p id="state".*?</p>', stage.client().get("/").text, re.DOTALL)
    assert state is not None
    assert text_of(state[0]) == (
        "Needs attention source auxip has trouble 1 file set aside 1 job parked 1 job waits for another attempt"
    )


def test_jobs_that_outlive_their_due_time_are_late(stage: Stage) -> None:
    stage.clock.advance(3 * 3600 + 60)
    assert "4 late" in text_of(stage.client().get("/").text), "running, parked and both ready jobs are NRT"


def test_products_show_times_sizes_timeliness_and_links(stage: Stage) -> None:
    html = stage.client().get("/").text
    late = row(html, f"p-{product_uuid(PACIFIC)}")
    assert "NRT late" in late
    assert "4:50:05" in late
    assert f"/odata/v1/Products({product_uuid(PACIFIC)})/$value" in late
    assert f"/stac/collections/IW_GRDH_1S/items/{PACIFIC}" in late
    assert "NRT in time" in row(html, f"p-{product_uuid(SLC)}")
    inside = row(html, f"p-{product_uuid(SEGMENT)}")
    assert "internal" in inside
    assert "$value" not in inside
    assert "70.0 s" in inside


def test_footprints_come_with_their_rows(stage: Stage) -> None:
    html = stage.client().get("/").text
    assert "[45.9,12.2]" in row(html, f"p-{product_uuid(SLC)}")
    assert row(html, f"p-{product_uuid(PACIFIC)}").count("[[-17.0,") == 2
    assert "181.1" in row(html, f"p-{product_uuid(PACIFIC)}")
    assert "-181.4" in row(html, f"p-{product_uuid(PACIFIC)}"), "and on the other side of the map"
    assert 'data-footprint=""' in row(html, f"p-{product_uuid(ORBIT)}")


@pytest.mark.parametrize(
    ("query", "present", "absent"),
    [
        ("?show=published", SLC, SEGMENT),
        ("?show=internal", SEGMENT, SLC),
        ("?type=AUX_RESORB", ORBIT, SLC),
        ("?show=nonsense", SLC, "nonsense"),
    ],
)
def test_the_product_list_is_filtered(stage: Stage, query: str, present: str, absent: str) -> None:
    listed = re.search(r'<section id="products">.*?</section>', stage.client().get(f"/{query}").text, re.DOTALL)
    assert listed is not None
    assert present in listed[0]
    assert absent not in listed[0]


def test_running_jobs_come_first_then_parked_and_ready_ones_then_waiting_orders(stage: Stage) -> None:
    listed = re.findall(r'<tr id="([jo]-\d+)"', stage.client().get("/").text)
    assert listed == ["j-7", "j-4", "j-8", "j-5", "o-1", "j-6", "j-3", "j-2", "j-1"]


def test_a_poll_answers_only_what_changed(stage: Stage) -> None:
    client = stage.client()
    first = client.get("/console/live")
    again = client.get("/console/live", headers={"HX-PTag": first.headers["HX-PTag"]})
    assert (again.status_code, again.content) == (304, b"")
    stage.clock.advance(1)
    assert client.get("/console/live", headers={"HX-PTag": first.headers["HX-PTag"]}).status_code == 304
    stage.product("S1A_NEW.SAFE", "S3_RAW__0S")
    changed = client.get("/console/live", headers={"HX-PTag": first.headers["HX-PTag"]})
    assert changed.status_code == 200
    assert "S1A_NEW.SAFE" in changed.text


def test_a_page_names_the_state_that_its_first_poll_would_bring(stage: Stage) -> None:
    client = stage.client()
    tag = re.search(r'hx-ptag="(\w+)"', client.get("/?show=published").text)
    assert tag is not None
    poll = client.get("/console/live?show=published", headers={"HX-PTag": tag[1]})
    assert poll.status_code == 304


@pytest.mark.parametrize("path", ["/", "/console/live", "/console/jobs/7", "/console/jobs/7/log/1", "/console/jobs/99"])
def test_pages_forbid_scripts_of_others(stage: Stage, path: str) -> None:
    policy = stage.client().get(path).headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_nothing_is_loaded_from_elsewhere(stage: Stage) -> None:
    client = stage.client()
    for path in ("/", "/console/jobs/7", f"/console/products/{product_uuid(SLC)}"):
        html = client.get(path).text
        for link in re.findall(r'(?:src|href|action)="([^"]*)"', html):
            assert link.startswith(("/", "#")), link
        assert not re.search(r"\son\w+=|<script(?! defer src=)|style=", html)
        for script in re.findall(r'(?:src|href)="(/console/static/[^"]*)"', html):
            served = client.get(script)
            assert served.status_code == 200, script
            assert script.endswith(f"?v={hashlib.sha256(served.content).hexdigest()[:12]}"), (
                "another file, another address"
            )


def test_hostile_names_are_shown_not_run(empty: Stage) -> None:
    name = f"S1A_{HOSTILE}.SAFE"
    empty.product(name, f"T{HOSTILE}", attributes={HOSTILE: HOSTILE})
    job = empty.job(1, f"c{HOSTILE}", f"u{HOSTILE}", name)
    empty.fail(empty.claim(), f"r{HOSTILE}", lasting=True)
    client = empty.client()
    for path in ("/", f"/?type={HOSTILE}", f"/console/jobs/{job}", f"/console/products/{product_uuid(name)}"):
        html = client.get(path).text
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "&lt;script&gt;alert(1)" in html


def test_a_job_page_shows_the_log_as_it_grows(stage: Stage) -> None:
    client = stage.client()
    assert "62% azimuth focusing" in client.get("/console/jobs/7").text
    log = stage.work_root / "7" / "1" / "s1pdgs-job.log"
    first = client.get("/console/jobs/7/live")
    log.write_text(log.read_text() + "one <line> more\n")
    changed = client.get("/console/jobs/7/live", headers={"HX-PTag": first.headers["HX-PTag"]})
    assert "one &lt;line&gt; more" in changed.text
    whole = client.get("/console/jobs/7/log/1")
    assert whole.headers["content-type"].startswith("text/plain")
    assert whole.text.endswith("one <line> more\n")


def test_a_job_page_links_inputs_outputs_and_attempts(stage: Stage) -> None:
    html = stage.client().get("/console/jobs/3").text
    for name in (SLICE, ORBIT, SLC):
        assert f"/console/products/{product_uuid(name)}" in html
    assert "[I] all good" in html, "the stored log"
    assert "/console/jobs/3/log/1" in html
    assert "<button>Retry" not in html


def test_a_job_page_tells_what_its_attempts_used(stage: Stage) -> None:
    with stage.database.write() as connection:
        record(connection, Claim(3, 1), Used(cpu_s=29.54, peak_mb=1172, disk_mb=412))
    assert "29.5 s CPU, 1172 MB memory, 412 MB disk" in text_of(stage.client().get("/console/jobs/3").text)


@pytest.mark.parametrize("path", ["/console/jobs/99", "/console/jobs/7/log/9", "/console/products/nobody"])
def test_what_is_not_there_is_said_in_a_sentence(stage: Stage, path: str) -> None:
    answer = stage.client().get(path)
    assert answer.status_code == 404
    assert re.search(r"There is no|has no attempt", answer.text)


def test_a_product_page_tells_where_it_comes_from_and_what_it_became(stage: Stage) -> None:
    html = stage.client().get(f"/console/products/{product_uuid(SLICE)}").text
    told = text_of(html)
    assert "Made by Job 2 from" in told
    assert SEGMENT in told
    assert "Job 3 made" in told
    assert SLC in told
    assert "Job 7 has made nothing yet" in told
    assert "measurement/data.tiff" in told
    assert re.search(r"\b[0-9a-f]{64}\b", told)
    assert "productType S3_RAW__0S" in told


def test_quicklooks_are_the_products_own_images(stage: Stage) -> None:
    client = stage.client()
    address = f"/console/products/{product_uuid(GRD)}/quicklook"
    image = client.get(address)
    assert image.status_code == 200
    assert image.headers["content-type"] == "image/png"
    assert image.content.startswith(b"\x89PNG")
    again = client.get(address, headers={"If-None-Match": image.headers["etag"]})
    assert again.status_code == 304
    assert client.get(f"/console/products/{product_uuid(ORBIT)}/quicklook").status_code == 404


def state_of(stage: Stage, job: int) -> str:
    with stage.database.read() as connection:
        return find_job(connection, job).state


def test_an_operator_of_this_host_retries_and_drops(stage: Stage) -> None:
    client = stage.client()
    retried = client.post("/console/jobs/4/retry")
    assert (retried.status_code, retried.headers["location"]) == (303, "/console/jobs/4")
    assert state_of(stage, 4) == "ready"
    assert client.post("/console/jobs/8/drop", data={"reason": "asked <b>by</b> mission"}).status_code == 303
    assert state_of(stage, 8) == "dropped"
    assert "asked &lt;b&gt;by&lt;/b&gt; mission" in client.get("/console/jobs/8").text


def test_an_action_that_does_not_fit_changes_nothing_and_says_so(stage: Stage) -> None:
    answer = stage.client().post("/console/jobs/3/retry")
    assert answer.status_code == 409
    assert "job 3 is done; retry is for jobs that are parked" in answer.text
    assert stage.client().post("/console/jobs/99/drop").status_code == 404


def test_quarantined_files_are_fetched_again(stage: Stage) -> None:
    client = stage.client()
    html = client.get("/").text
    aside = re.search(r'name="remote_id" value="([^"]*)"', html)
    assert aside is not None
    assert (
        client.post("/console/quarantine/retry", data={"source": "svalbard", "remote_id": aside[1]}).status_code == 303
    )
    assert 'id="quarantine"' not in client.get("/").text


def test_a_failed_publication_is_tried_again(stage: Stage) -> None:
    stage.store.delete(f"jobs/1/1/{GRD}/measurement/data.tiff")
    with stage.database.write() as connection:
        request(connection, GRD, stage.clock.now())
    publish_step(stage.database, stage.store, stage.outbox, stage.clock, Patience(max_attempts=1))
    client = stage.client()
    assert "1 publication failed" in text_of(client.get("/").text)
    page = f"/console/products/{product_uuid(GRD)}"
    assert "Publish again" in client.get(page).text
    assert client.post(f"{page}/publish").headers["location"] == page
    assert "publication failed" not in text_of(client.get("/").text)


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, "page of another site"),
        ({"Origin": "http://evil.example"}, "page of another site"),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, "page of another site"),
        ({"Sec-Fetch-Site": "same-site"}, "page of another site"),
        ({}, "does not say which page"),
    ],
)
def test_requests_of_other_pages_are_refused(stage: Stage, headers: dict[str, str], sentence: str) -> None:
    client = TestClient(stage.app(), base_url="http://127.0.0.1", client=("127.0.0.1", 1), follow_redirects=False)
    for path in ("/console/jobs/4/retry", "/console/jobs/4/drop"):
        answer = client.post(path, headers=headers)
        assert answer.status_code == 403
        assert sentence in answer.text
    assert state_of(stage, 4) == "parked"


def test_a_foreign_name_that_resolves_here_is_refused(stage: Stage) -> None:
    answer = stage.client(host="rebound.example").post("/console/jobs/4/retry")
    assert answer.status_code == 403
    assert "operator_key" in answer.text
    assert state_of(stage, 4) == "parked"


def test_without_a_key_only_this_host_acts(stage: Stage) -> None:
    headers = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    away = TestClient(stage.app(), base_url="http://127.0.0.1", client=("10.0.0.7", 1), headers=headers)
    answer = away.post("/console/jobs/4/retry")
    assert answer.status_code == 403
    assert "from this host only" in answer.text
    assert away.get("/").status_code == 200, "looking is free"


def test_with_a_key_anyone_who_has_it_acts(stage: Stage) -> None:
    client = stage.client(key="sesame", host="pdgs.example")
    assert 'type="password"' in client.get("/console/jobs/4").text
    for wrong in ({}, {"key": "guess"}):
        answer = client.post("/console/jobs/4/retry", data=wrong)
        assert answer.status_code == 403
        assert "operator key is missing or wrong" in answer.text
    assert client.post("/console/jobs/4/retry", data={"key": "sesame"}).status_code == 303
    assert client.post("/console/jobs/4/drop", headers={KEY_HEADER: "sesame"}).status_code == 303
    assert "sesame" not in client.get("/console/jobs/4").text


def test_the_page_reads_and_never_writes(stage: Stage) -> None:
    statements: list[str] = []
    event.listen(stage.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert stage.client().get("/console/live").status_code == 200
    reads = [statement for statement in statements if not statement.startswith("BEGIN")]
    assert all(statement.lstrip().startswith("SELECT") for statement in reads)
    assert len(statements) - len(reads) == 1, "one transaction"
    assert len(reads) <= 40


def test_hundreds_of_products_and_jobs_make_a_bounded_page(empty: Stage) -> None:
    for number in range(150):
        empty.product(f"S1A_{number:04d}.SAFE", "S3_RAW__0S")
        empty.job(number + 1, "l1-sm", f"slice {number}")
    html = empty.client().get("/").text
    assert html.count('<tr id="p-') == 60
    assert html.count('<tr id="j-') == 60
    assert "150 ready" in text_of(html)


def test_times_are_utc_and_of_the_clock_of_the_ground_segment(stage: Stage) -> None:
    with stage.database.write() as connection:
        queue.drop(connection, 4, "x", NOON + timedelta(days=1))
    html = stage.client().get("/console/jobs/4").text
    assert '<time id="clock" datetime="2026-01-05T11:' in html
