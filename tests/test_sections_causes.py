"""What the section on root causes says for a candidate and against it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from renderers.history import Grouped
from renderers.plain_text import plain
from tests.histories import Facts, example, going_on, many_changes, reported_first
from tests.sections import claims, prompts, rows, said


def test_a_candidate_has_its_lag_its_tie_and_both_sides() -> None:
    """A reverted deploy speaks for itself: what ended after the rollback, and nothing against."""
    candidate = claims(example(), "root_causes")[-1]
    assert plain(candidate.parts) == (
        'Deploy "v42" of checkout to production, finished at 14:00:10, 2 min before the first alert. '
        "It speaks for it that it was rolled back at 14:20:10 and the last alert ended 3 min later, and that it is of "
        "checkout, which was hit. Nothing recorded speaks against it"
    )
    assert [each[-5:] for each in candidate.cites[:2]] == ["41fc0", "7f21d"]


def test_candidates_are_five_at_most_the_likeliest_first() -> None:
    """Five changes are named, the others counted."""
    candidates = said(many_changes(), "root_causes")[2:]
    assert [text.split(" of web")[0] for text in candidates[:2]] == ['Deploy "v1.9"', 'Deploy "slow one"']
    assert len(candidates) == 6
    assert candidates[5] == "1 more change was recorded, up to 9 min before the first alert"


def test_what_speaks_against_a_candidate_is_told() -> None:
    """A symptom before it, its failure, an alert of which no end is known."""
    against = said(going_on(), "root_causes")[-1].partition("It speaks against it that ")[2]
    assert against == (
        "the first symptom came 30 min before it began, that it failed, and that the alert SlowQueries has no recorded "
        "end"
    )


def test_alerts_that_went_on_after_a_rollback_speak_against_the_change() -> None:
    """That it was rolled back is told, and that alerts ended only long after."""
    story = Facts()
    story.deploys("web", "09:50:00", "09:55:00", "v7")
    alert = story.fires("X", "10:00:00", "web")
    story.deploys("web", "10:05:00", "10:06:00", "v6", rollback=True)
    story.ends(alert, "10:36:00")
    assert said(story, "root_causes")[-1].endswith(
        "It speaks against it that the alert went on for 30 min after the rollback"
    )
    assert next(e.id for e in story.events if e.type == "change.rolled_back") in claims(story, "root_causes")[-1].cites


def test_what_was_done_between_a_rollback_and_the_end_speaks_against_the_change() -> None:
    """An end that came only after the next action says less for what was rolled back before it."""
    story = Facts()
    story.deploys("web", "09:50:00", "09:55:00", "v7")
    alert = story.fires("X", "10:00:00", "web")
    story.deploys("web", "10:05:00", "10:06:00", "v6", rollback=True)
    flag = story.add("change.flag_toggled", "10:12:00", entity="flag", service="web", title="New tax", actor="Pim")
    story.ends(alert, "10:14:00")
    assert said(story, "root_causes")[-1].endswith(
        "It speaks against it that another action came before that end, at 10:12:00"
    )
    assert flag.id in claims(story, "root_causes")[-1].cites


def _deployed(told: Facts, title: str, start: str, **more: Any) -> None:
    told.deploys("web", f"{start}:00", f"{start}:30", title, **more)


def test_a_commit_that_is_deployed_again_takes_the_one_between_back() -> None:
    """Teams roll back by deploying what was there before: shown by service, environment and commit, and said so."""
    story = Facts()
    _deployed(story, "v1", "08:00")
    _deployed(story, "v2", "10:00")
    story.ends(story.fires("X", "10:05:00", "web"), "10:22:00")
    _deployed(story, "v1", "10:20")
    candidates = said(story, "root_causes")
    again = "the commit deployed before it was deployed again at 10:20:30 and the alert ended 1 min 30 s later"
    [newer] = [text for text in candidates if '"v2"' in text]
    assert f"It speaks for it that {again}" in newer
    [older] = [text for text in candidates if text.startswith('Deploy "v1"')]
    assert "It speaks against it that another commit was deployed over it 4 min 30 s before the alert" in older
    assert again in story.markdown()
    assert "rolled back" not in story.markdown()


@pytest.mark.parametrize(
    "again",
    [
        pytest.param({"environment": "staging"}, id="elsewhere"),
        pytest.param({"failed": True}, id="failed"),
        pytest.param({"data": {"sha": ""}}, id="no commit"),
        pytest.param({"data": {"sha": "another"}}, id="another commit"),
    ],
)
def test_what_does_not_show_that_a_commit_came_back_says_nothing_of_it(again: dict[str, Any]) -> None:
    """Unknown equals nothing: another environment, a failure, no commit or another one take nothing back."""
    story = Facts()
    _deployed(story, "v1", "08:00")
    _deployed(story, "v2", "10:00")
    story.ends(story.fires("X", "10:05:00", "web"), "10:22:00")
    _deployed(story, "v1", "10:20", **again)
    assert 'Deploy "v2" of web' in story.markdown()
    assert "deployed again" not in story.markdown()


@pytest.mark.parametrize(
    ("title", "repository", "when", "speaks"),
    [
        ('Revert "Rename a column"', "acme/web", "10:20:00", True),
        ('Revert "Rename a column (#41)" (#42)', "acme/web", "10:20:00", True),
        ("Revert: rename a column", "acme/web", "10:20:00", False),
        ("revert Rename a column (again)", "acme/web", "10:20:00", True),
        ('Revert "Rename a column" (fixed lock)', "acme/web", "10:20:00", True),
        ('Revert "Rename a column of prices"', "acme/web", "10:20:00", False),
        ('Revert "Rename a column"', "acme/other", "10:20:00", False),
        ('Revert "Rename a table"', "acme/web", "10:20:00", False),
        ('Revert "Rename a column"', "acme/web", "10:02:00", False),
    ],
)
def test_a_revert_speaks_for_what_it_reverts(title: str, repository: str, when: str, *, speaks: bool) -> None:
    """Git writes of which change a revert is into its title; that is all it shows, so nothing is said of what ran."""
    story = Facts()
    story.add("change.merged", "09:50:00", entity="pull:41", title="Rename a column (#41)",
              data={"number": 41, "repository": "acme/web"})  # fmt: skip
    alert = story.fires("X", "10:05:00", "web")
    story.add("change.merged", when, entity="pull:42", title=title, data={"number": 42, "repository": repository})
    story.ends(alert, "10:22:00")
    [cause] = [
        text for text in said(story, "root_causes") if '"Rename a column (#41)"' in text and "merged at 09" in text
    ]
    assert ("It speaks for it that a revert of it was merged at 10:20:00" in cause) is speaks
    story.ends(story.fires("X", "10:40:00", "web"), "10:50:00")
    [cause] = [text for text in said(story, "root_causes") if '"Rename a column (#41)"' in text and "at 09" in text]
    assert ("1 alert fired after that revert" in cause) is speaks


def test_what_was_taken_back_comes_first_then_what_is_called_like_what_was_hit() -> None:
    """The nearest change need not be the one that somebody reverted."""
    story = Facts()
    for title, when, repository in (("v77", "09:40", "acme/web"), ("v78", "09:44", "acme/web"),
                                    ("v5", "09:58", "acme/tax")):  # fmt: skip
        _deployed(story, title, when)
        story.events[-2:] = [msgspec.structs.replace(each, service=None, data=each.data | {"repository": repository})
                             for each in story.events[-2:]]  # fmt: skip
    alert = story.fires("X", "10:05:00", "web")
    story.add("change.merged", "10:20:00", title='Revert "v77"', data={"number": 9, "repository": "acme/web"})
    story.ends(alert, "10:22:00")
    assert [text.split('"')[1] for text in said(story, "root_causes")[2:]] == ["v77", "v78", "v5"]
    assert any(text.startswith('Of what was hit first, the closest earlier change was the deploy "v78" of web')
               for text in said(story, "summary"))  # fmt: skip
    story.add("change.flag_toggled", "10:04:00", title="Tax", data={"state": "on"})
    assert any(text.startswith('The closest earlier change was the flag "Tax"') for text in said(story, "summary"))


def test_a_change_that_came_later_and_was_taken_back_is_a_candidate() -> None:
    """A warning had fired before; what made it worse is no answer to it alone. What took it back is none."""
    story = Facts()
    story.context["reported"] = {"change": ("e1",)}
    alert = story.fires("Backlog", "10:00:00", "web")
    story.deploys("web", "10:20:00", "10:21:00", "v7")
    story.deploys("web", "10:40:00", "10:41:00", "v6", rollback=True)
    story.deploys("web", "10:50:00", "10:51:00", "v8")
    story.ends(alert, "10:55:00")
    assert "\nNo change of web was recorded between 08:00:00 and 10:00:00 UTC." in story.markdown()
    [candidate] = said(story, "root_causes")[2:]
    assert candidate == (
        'Deploy "v7" of web to production, finished at 10:21:00, 21 min after the alert. It speaks for it that it was '
        "rolled back at 10:41:00 and the alert ended 14 min later, and that it is of web, which was hit. It speaks "
        "against it that the first symptom came 20 min before it began, and that another action came before that end, "
        "at 10:51:00"
    )


def test_a_revert_of_what_names_no_repository_is_one_of_its_service() -> None:
    """Runs of Terraform name their workspace alone; and which dependency ties them is said."""
    story = Facts()
    story.deploys("dns", "09:50:00", "09:51:00", "Clean up")
    alert = story.fires("X", "10:05:00", "web")
    story.deploys("dns", "10:19:00", "10:20:00", 'Revert "Clean up"')
    story.ends(alert, "10:22:00")
    why = Grouped(rule="dependency", reason="web depends on dns directly")
    story.context["grouped"] = {event.id: why for event in story.events if event.service == "dns"}
    assert (
        'It speaks for it that a revert of "Clean up" finished at 10:20:00 and the alert ended 2 min later, and that '
        "web depends on dns directly. It speaks against it that the alert was on web"
    ) in said(story, "root_causes")[-1]


def test_what_its_sender_calls_a_change_is_no_deploy() -> None:
    """A ticket of an upgrade is among the candidates, and nobody says that something was deployed."""
    story = Facts()
    story.deploys("web", "09:50:00", "09:58:00", "PostgreSQL 16", data={"task": "change", "sha": ""}, actor="Kim")
    story.ends(story.fires("X", "10:00:00", "web"), "10:22:00")
    assert said(story, "root_causes")[-1].startswith('Change "PostgreSQL 16" of web to production by Kim, finished at')
    assert 'Change of web to production succeeded in 8 min, begun at 09:50: "PostgreSQL 16" (by Kim)' in rows(story)
    assert "deploy" not in story.markdown()
    assert 'The closest earlier change was "PostgreSQL 16" of web by Kim, finished at 09:58:00' in story.markdown()


def test_a_rollback_under_way_when_the_last_alert_ended_is_told_so() -> None:
    """It began before the end and finished after it: it is neither denied nor said to have begun later."""
    story = Facts()
    _deployed(story, "v1", "08:00")
    _deployed(story, "v2", "10:00")
    story.ends(story.fires("X", "10:05:00", "web"), "10:21:00")
    story.deploys("web", "10:20:00", "10:24:00", "v1", rollback=True)
    [newer] = [text for text in said(story, "root_causes") if '"v2"' in text]
    assert "It speaks against it that the alert had ended before the rollback was finished" in newer
    [action] = said(story, "resolution")
    assert action == (
        'Between 10:05:00 and 10:21:00 one change of web was recorded: rollback "v1" at 10:20:00 '
        "(begun then and finished 3 min after the end)"
    )


def test_another_service_speaks_against() -> None:
    """A change of another service than the first alert's says whose alert it was."""
    story = Facts()
    story.deploys("search", "09:50:00", "09:55:00", "v7")
    story.fires("X", "10:00:00", "web")
    assert said(story, "root_causes")[-1].endswith("It speaks against it that the alert was on web")


def test_a_person_s_cause_fills_the_template_s_line() -> None:
    """A stated cause stands behind its label, in quotes and with its author; the other label stays empty."""
    assert said(reported_first(), "root_causes")[:2] == [
        'Primary Cause: "expired certificate", as stated by Ana', "Contributing Factors:",
    ]  # fmt: skip
    assert prompts(reported_first(), "root_causes") == ["what made it possible, worse or longer?"]
    assert prompts(example(), "root_causes")[0] == "what broke, and why could it?"


def test_a_flag_is_called_by_its_key_where_its_sender_gives_no_text() -> None:
    """A type in place of a title says nothing; what was set is named in the data."""
    story = Facts()
    for when, state in (("09:58:00", "on"), ("10:10:00", "off")):
        story.add("change.flag_toggled", when, service="web", title="com.acme.flag.toggled", entity="flags@new-cart",
                 data={"type": "com.acme.flag.toggled", "state": state, "data": {"flag": "new-cart"}})  # fmt: skip
    story.ends(story.fires("X", "10:00:00", "web"), "10:12:00")
    text = story.markdown()
    assert 'the flag "new-cart" of web' in text
    assert "it was set back at 10:10:00" in text
    assert "com.acme" not in text


@pytest.mark.parametrize(
    ("before", "after", "back"),
    [("on", "off", True), ("v2", "v1", True), ("v2", "v3", False), ("on", "", False), ("on", "rules changed", False)],
)
def test_a_flag_is_set_back_to_what_it_was_or_to_the_opposite(before: str, after: str, back: bool) -> None:
    """Another value, or another rule of who gets it, takes no setting back."""
    story = Facts()
    for when, state in (("08:00:00", "v1"), ("09:58:00", before), ("10:10:00", after)):
        story.add(
            "change.flag_toggled", when, service="web", title="new-cart", entity="new-cart", data={"state": state}
        )
    story.ends(story.fires("X", "10:00:00", "web"), "10:12:00")
    assert 'Flag "new-cart" of web, set to' in story.markdown()
    assert ("it was set back at 10:10:00" in story.markdown()) is back


def test_a_repository_of_several_services_speaks_against_a_change_that_names_none() -> None:
    """A run of a repository from which others are deployed as well may be theirs."""
    story = Facts()
    data = {"repository": "acme/mono", "workflow": "Deploy"}
    story.add("change.succeeded", "09:50:00", title="Tune", data=data, entity="run:1", refs=("repository:acme/mono",))
    story.deploys("cart", "09:40:00", "09:45:00", "v2", data={"repository": "acme/mono"})
    story.fires("Down", "10:00:00", "cart")
    assert not any("are of" in text for text in said(story, "root_causes"))
    story.nearby("other service", "change.succeeded", "09:55:00", service="payments", data={"repository": "acme/mono"})
    (run,) = [text for text in said(story, "root_causes") if "Tune" in text or ("Deploy" in text and "run" in text)]
    assert run.endswith("It speaks against it that changes of its repository are of payments, too")


def test_what_people_did_before_it_is_named_beside_the_changes() -> None:
    """Tools of a team's own call nothing a change: what was done with them is told, in the causes the nearest three,
    in the summary the nearest where no change is nearer. Who declares an incident did nothing to what runs."""
    story = Facts()
    story.context["reported"] = {"change": ("a",)}
    for minute in (1, 2, 3, 4):
        story.add("observation.recorded", f"09:5{minute}:00", title=f"Node {minute} joined", actor="Eli")
    story.add("observation.recorded", "09:55:00", title="Declared", actor="Eli", data={"called": "incident declared"})
    story.add("observation.recorded", "09:56:00", title="Scaled by itself")
    story.ends(story.fires("X", "10:00:00", "web"), "10:30:00")
    assert said(story, "root_causes")[2:] == [
        '"Node 4 joined" (by Eli) at 09:54:00, 6 min before the alert',
        '"Node 3 joined" (by Eli) at 09:53:00, 7 min before the alert',
        '"Node 2 joined" (by Eli) at 09:52:00, 8 min before the alert',
        "1 more act was recorded, up to 9 min before the alert",
    ]
    nearest = 'his was recorded: "Node 4 joined" (by Eli) at 09:54:00, 6 min before the alert'
    assert f"T{nearest}" in said(story, "summary")
    story.deploys("web", "09:50:00", "09:53:30", "v7")
    assert f"After that change, t{nearest}" in said(story, "summary")
    story.deploys("web", "09:54:00", "09:58:00", "v8")
    assert not any("this was recorded" in text for text in said(story, "summary"))


def test_records_that_name_no_service_are_counted_where_no_change_is() -> None:
    """What may be a change of the service in all but name is pointed at, beside what is denied."""
    story = Facts()
    story.context["reported"] = {"change": ("a",)}
    story.fires("X", "14:02:00", "cart")
    loose = "no service and no reference"
    near = [story.nearby(loose, "observation.recorded", f"13:0{n}:00", title=f"Node {n}") for n in (1, 2)]
    text = "No change of cart was recorded between 12:02:00 and 14:02:00; "
    assert said(story, "summary")[1] == f"{text}2 records that name no service were recorded"
    near.append(story.nearby(loose, "change.succeeded", "13:30:00", title="m3"))
    assert said(story, "summary")[1] == f"{text}1 change and 2 other records that name no service were recorded"
    assert claims(story, "summary")[1].cites == tuple(event.id for event in near)


def test_many_acts_of_one_kind_are_told_as_one() -> None:
    """Where one person did the same again and again and nothing ended between; what is of another kind stands alone."""
    story = Facts()
    first, second = story.fires("X", "10:00:00", "web"), story.fires("Y", "10:01:00", "cart")
    for minute in (10, 12, 14, 15, 16, 21):
        data = {"type": "com.acme.node.removed", "subject": f"node-{minute}"}
        story.add("observation.recorded", f"10:{minute}:00", title=f"Node {minute} removed", actor="Eli", data=data)
    story.ends(first, "10:20:00")
    story.ends(second, "10:30:00")
    actions = said(story, "resolution")
    assert actions[0] == (
        'From 10:10:00 to 10:16:00, 5 acts of one kind by Eli were recorded: "Node 10 removed", "Node 12 removed", '
        '"Node 14 removed" and 2 more; after the last of them, the alert X on web ended 4 min later'
    )
    assert actions[1].startswith('At 10:21:00 this was recorded: "Node 21 removed"')
    open_still = said(story.without(*(each for each in story.events if each.type == "alert.resolved")), "resolution")
    assert open_still[0].endswith("3 more; no alert ended after the last of them")


def test_a_deploy_that_was_broken_off_is_a_candidate_and_breaking_it_off_an_answer() -> None:
    """A canary may have served for long; that nobody says how far it had come speaks against it."""
    story = Facts()
    for kind, when in (("started", "10:00:00"), ("cancelled", "10:12:00")):
        story.add(f"change.{kind}", when, entity="deployment:1", service="web", title="v7", environment="production")
    alert = story.fires("X", "10:06:00", "web")
    assert any("begun at 10:00:00, 6 min before the alert, and cancelled 6 min after it" in text
               for text in said(story, "summary"))  # fmt: skip
    story.ends(alert, "10:15:00")
    candidate = said(story, "root_causes")[-1]
    assert "It speaks for it that it was cancelled at 10:12:00 and the alert ended 3 min later" in candidate
    assert candidate.endswith("and that how far it had come when it was cancelled is not recorded")
    assert 'At 10:12:00 the deploy "v7" of web was cancelled; the alert ended 3 min later' in said(story, "resolution")
    last = 'The last recorded action was that the deploy "v7" of web was cancelled, at 10:12:00'
    assert any(text.startswith(last) for text in said(story, "summary"))


def test_what_was_merged_ran_once_its_commit_was_deployed() -> None:
    """Before the first alert, or only after it; that nothing says so is told of no merge that was deployed."""
    unknown = "it is not recorded whether what was merged was running by then"
    for done, words in (
        ("09:58:00", "It speaks for it that its commit was deployed at 09:58:00"),
        ("10:04:00", "It speaks against it that its commit was deployed at 10:04:00, after the alert"),
        ("", f"It speaks against it that {unknown}"),
    ):
        story = Facts()
        data = {"number": 9, "repository": "acme/web", "sha": "5b1c", "branch": "main", "default_branch": "main"}
        story.add("change.merged", "09:50:00", title="Less memory", data=data)
        story.fires("X", "10:00:00", "web")
        if done:
            story.add("change.succeeded", done, entity="deployment:1", service="web", data={"sha": "5b1c"})
        (candidate,) = [text for text in said(story, "root_causes") if "Less memory" in text]
        assert words in candidate
        assert (unknown in candidate) is not bool(done)


def test_a_flag_that_was_set_to_nothing_was_changed() -> None:
    """By its rules or its rollout: what was done with it is told wherever the flag is."""
    story = Facts()
    words = {"text": "changed the rollout: 50 %"}
    story.add("change.flag_toggled", "09:58:00", entity="flag", service="web", title="tax", actor="Pim", data=words)
    alert = story.fires("X", "10:00:00", "web")
    story.add("change.flag_toggled", "10:04:00", entity="flag", service="web", title="tax", actor="Pim", data=words)
    story.ends(alert, "10:05:00")
    quotation = '"changed the rollout: 50 %"'
    summary = said(story, "summary")
    assert any(f"changed at 09:58:00, 2 min before the alert: {quotation}" in text for text in summary)
    assert any(f'the change of the flag "tax" of web by Pim: {quotation} at 10:04:00' in text for text in summary)
    assert f"changed at 09:58:00, 2 min before the alert: {quotation}. It speaks" in said(story, "root_causes")[-1]
    assert any(f'the flag "tax" of web was changed by Pim: {quotation}; ' in text for text in said(story, "resolution"))


def test_a_release_of_a_chart_is_rolled_back_by_its_version() -> None:
    """It has no commit; a failure of the same release that is told later is no further candidate."""
    story = Facts()
    chart: dict[str, Any] = {"entity": "HelmRelease/search", "service": "search", "environment": "production"}
    story.add("change.succeeded", "09:55:00", data={"ref": "1.4.2"}, title="1.4.2", **chart)
    alert = story.fires("X", "10:00:00", "search")
    story.add("change.failed", "10:10:00", data={"ref": "1.4.2"}, title="1.4.2", **chart)
    story.add("change.rolled_back", "10:12:00", data={"ref": "1.4.1"}, title="1.4.1", **chart)
    story.ends(alert, "10:15:00")
    texts = [text for text in said(story, "root_causes") if text.startswith("Deploy")]
    assert len(texts) == 1
    assert "It speaks for it that it was rolled back at 10:12:00 and the alert ended 3 min later" in texts[0]


def test_a_release_that_failed_before_the_alert_is_told_as_that() -> None:
    """By the name of its service alone, as Flux tells it: that it succeeded 20 minutes later hid that it had failed."""
    story = Facts()
    release: dict[str, Any] = {"entity": "HelmRelease/web", "service": "web", "environment": "production"}
    story.add("change.failed", "09:59:00", data={"ref": "1.4.2"}, title="1.4.2", **release)
    alert = story.fires("X", "10:00:00", "web")
    story.add("change.succeeded", "10:19:00", data={"ref": "1.4.2"}, title="1.4.2", **release)
    story.ends(alert, "10:20:00")
    assert "which failed at 09:59:00, 1 min before the alert" in said(story, "summary")[1]
    assert [row for row in rows(story) if "1.4.2" in row] == [
        'Deploy of web to production failed: "1.4.2"', 'Deploy of web to production succeeded: "1.4.2"'
    ]  # fmt: skip


@pytest.mark.parametrize(("short", "same"), [("5b1c9ad27e4f", True), ("5b1c9a", False), ("5b1c9ad27e40", False)])
def test_a_commit_that_a_sender_shortens_is_the_same(short: str, same: bool) -> None:
    """Bitbucket tells twelve digits of what was merged, who builds it all forty."""
    story = Facts()
    data = {"number": 9, "repository": "acme/web", "branch": "main", "default_branch": "main"}
    story.add("change.merged", "09:50:00", title="Less memory", data=data | {"sha": short})
    story.deploys("web", "09:56:00", "09:58:00", "v8", data={"sha": "5b1c9ad27e4f00aa99887766554433221100ffee"})
    story.fires("X", "10:00:00", "web")
    (candidate,) = [text for text in said(story, "root_causes") if "Less memory" in text]
    assert ("It speaks for it that its commit was deployed at 09:58:00" in candidate) is same
    assert ("it is not recorded whether what was merged was running by then" in candidate) is not same


@pytest.mark.parametrize("name", ["HEAD", "main"])
def test_a_name_that_moves_is_no_commit(name: str) -> None:
    """A build may fetch the newest of a branch before it knows which commit that is: two such need not be of one."""
    story = Facts()
    data = {"repository": "acme/web", "branch": "main", "default_branch": "main", "sha": name}
    story.add("change.merged", "09:50:00", title="Less memory", data=data | {"number": 9})
    story.deploys("web", "09:56:00", "09:58:00", "v8", data=data)
    story.fires("X", "10:00:00", "web")
    assert not any("its commit was deployed" in text for text in said(story, "root_causes"))


def test_a_deployment_that_was_tried_again_failed_before_and_ended_the_incident() -> None:
    """By one id, as GitHub has it: that it was under way for 25 minutes is not so."""
    story = Facts()
    for kind, when in (("started", "09:55:00"), ("failed", "09:58:00"), ("started", "10:15:00"),
                       ("succeeded", "10:20:00")):  # fmt: skip
        story.add(f"change.{kind}", when, entity="deployment:5", service="web", title="v8", environment="production")
    alert = story.fires("Errors", "10:00:00", "web")
    story.ends(alert, "10:22:00")
    assert 'deploy "v8" of web, which failed at 09:58:00, 2 min before the alert' in said(story, "summary")[1]
    assert 'the deploy "v8" of web at 10:20:00; the alert ended 2 min after it' in said(story, "summary")[2]
    assert [row for row in rows(story) if "Deploy" in row] == [
        'Deploy of web to production failed in 3 min, begun at 09:55: "v8"',
        'Deploy of web to production succeeded in 5 min, begun at 10:15: "v8"',
    ]
