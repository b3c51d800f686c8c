"""The recipient's page: the most wanted comes first."""

from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from tests.support.browser import Web
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, OLA, person


def test_all_documents_are_offered_above_the_list_in_a_zip_named_after_the_share(web: Web) -> None:
    stage = web.stage
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(title="Sak 12/34"))
    stage.add_recipients(draft.id, OLA)
    for name in ("a.txt", "b.txt"):
        stage.upload(draft.id, name, b"a")
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    inspect_documents(stage.deps)
    ola = web.browser(OLA)
    page = ola.get(f"/d/{draft.id}").text
    assert page.index('id="download-all"') < page.index("a.txt")
    answer = ola.get(f"/d/{draft.id}/alt.zip")
    assert 'filename="Sak 12 34.zip"' in answer.headers["content-disposition"]


def test_the_list_says_that_something_is_missing_while_the_database_is_behind(web: Web) -> None:
    web.stage.publish(OLA)
    ola = web.browser(OLA)
    web.stage.deps.behind.note({web.stage.tenant.id})
    page = ola.get("/mine").text
    web.stage.deps.behind.note(())
    assert "Noe mangler her akkurat nå" in page
    assert "gjenopprettet fra en sikkerhetskopi" in page
    assert "Ingenting her nå" not in page
    assert "Noe mangler" not in ola.get("/mine").text
