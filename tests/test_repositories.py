"""A change that names no service is of the one that its repository's name is like, for grouping and lists alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector import names
from collector.correlation import Rules
from collector.correlation.catalog import Service
from collector.event import RecordedEvent
from collector.projections import EventFilter
from tests.followed import Followed, following
from tests.followed import followed as followed
from tests.stories import change, event, firing, page

LIKE_NOTEBOOKS = (
    "notebooks", "acme/notebooks", "acme/Notebooks", "notebooks-deploy", "acme/notebooks-infra", "infra-notebooks",
    "acme/deploy-notebooks", "notebooks-chart", "helm-charts-notebooks", "notebooks_service", "notebooks-k8s-manifests",
    "notebooks.terraform", "notebooks-gitops", "forge.example/acme/notebooks-app/",
)  # fmt: skip
NOT_LIKE_NOTEBOOKS = (
    "notebooks-frontend", "notebooks-api", "my-notebooks", "notebook", "infra", "acme/infra", "charts", "acme/deploy",
    "notebooks/docs", "notebooks-config", "notebooks-2", "<no value>",
)  # fmt: skip


@pytest.mark.parametrize("repository", LIKE_NOTEBOOKS)
def test_a_repository_is_of_the_service_it_is_named_like(repository: str) -> None:
    """Its owner, and words that say what lies in it, are no part of the name."""
    assert names.fold_repository(repository) == names.fold_service("notebooks")


@pytest.mark.parametrize("repository", NOT_LIKE_NOTEBOOKS)
def test_other_repositories_are_not_of_it(repository: str) -> None:
    """Other words tell repositories apart, and no name loses all of its words."""
    assert names.fold_repository(repository) != names.fold_service("notebooks")


def test_the_words_of_repositories_are_documented() -> None:
    """docs/configuration.md lists each."""
    written = Path("docs/configuration.md").read_text(encoding="utf-8")
    assert all(f"`{word}`" in written for word in names.OF_REPOSITORIES)


def test_a_word_that_ends_a_services_name_names_nothing_by_itself() -> None:
    """What names are compared without is not looked for in people's words either."""
    words = names.SAY_NOTHING | names.OF_REPOSITORIES | names.ENVIRONMENTS.keys()
    assert all(names.says_nothing([word]) for word in words)
    assert names.says_nothing(["prod", "api"])
    assert not names.says_nothing(["prod", "notebooks"])


# --- lists ------------------------------------------------------------------------------------------------------------

REPOSITORY = "acme/notebooks-deploy"


def deployed(name: str, minutes: float, service: str | None = None, **more: Any) -> RecordedEvent:
    """A deployment of the repository that says no service unless one is given."""
    return change(name, minutes, service, refs=(f"repository:{REPOSITORY}", f"commit:{name}"), **more)


async def of(followed: Followed, service: str) -> list[str]:
    """What the list of events shows of a service, by title."""
    return [each.title for each in await followed.lists.events(EventFilter(service=service, limit=100))]


async def test_the_list_of_a_service_has_the_changes_of_its_repository(followed: Followed) -> None:
    """Under every spelling, as grouping takes them; what happens beside it is not drawn in."""
    await followed.told(
        firing("Slow", 10, "Notebooks (production)"), deployed("v7", 5), page("P1", "triggered", 11, None),
        change("other", 6, None, refs=("repository:acme/handbook",)), event("note.added", 12, title="a note"),
    )  # fmt: skip
    assert await of(followed, "notebooks") == await of(followed, "prod/notebooks-svc") == ["Slow", "v7"]
    assert await of(followed, "handbook") == ["other"]
    (row,) = await followed.lists.incidents(service="notebooks")
    joined = await followed.lists.events(EventFilter(incident=row.number))
    assert "v7" in {each.title for each in joined}


async def test_what_a_deployment_teaches_moves_changes_in_the_list(followed: Followed) -> None:
    """A deployment that named a service, before or after, says whose a change of its repository or commit is."""
    await followed.told(deployed("v7", 5), change("v6", 1, None, refs=(f"repository:{REPOSITORY}", "commit:v9")))
    assert await of(followed, "notebooks") == ["v7", "v6"]
    await followed.told(deployed("v8", 6, "search"))
    assert await of(followed, "notebooks") == []
    assert await of(followed, "search") == ["v7", "v6", "v8"]
    await followed.told(change("v9", 7, "billing", refs=("commit:v9",)))
    assert await of(followed, "billing") == ["v6", "v9"]
    assert await of(followed, "search") == ["v7", "v8"]


async def test_the_state_of_a_change_that_names_no_service_is_of_its_change(followed: Followed) -> None:
    """Where one state of a deployment names the service, the others are of it."""
    await followed.told(change("v7", 5, None, "started"), change("v7", 8, "search"))
    assert await of(followed, "search") == ["v7", "v7"]


async def test_the_catalog_says_whose_a_repository_is(tmp_path: Path) -> None:
    """It outranks the name, and its aliases are asked as well."""
    catalog = Rules(services=(Service(name="Search API", aliases=("notebooks",)), Service(name="billing", repositories=(
        "acme/money",))))  # fmt: skip
    async with following(tmp_path, catalog) as catalogued:
        await catalogued.told(deployed("v7", 5), change("v1", 6, None, refs=("repository:acme/money",)))
        assert await of(catalogued, "search_api") == ["v7"]
        assert await of(catalogued, "billing") == ["v1"]
        assert await of(catalogued, "money") == []
