"""Resources and prompts."""

from tests.unit.serving.mcp.conftest import conversation


def test_the_glossary_has_every_metric_in_both_languages(desk):
    text = conversation(desk, lambda client: client.read_resource("plumbline://glossary")).contents[0].text
    assert "## sales" in text
    assert "**net_sales** Net sales · 净销售额" in text


def test_a_definition_can_be_read_by_its_chinese_name(desk):
    read = conversation(desk, lambda client: client.read_resource("plumbline://metrics/净销售额"))
    assert read.contents[0].text.startswith("net_sales: ")


def test_the_publication_can_be_read(desk):
    read = conversation(desk, lambda client: client.read_resource("plumbline://publication"))
    assert "demo-000001" in read.contents[0].text


def test_what_can_be_read_is_listed(desk):
    async def listed(client):
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        prompts = (await client.list_prompts()).prompts
        return (
            [str(resource.uri) for resource in resources],
            [template.uri_template for template in templates],
            {prompt.name: [argument.name for argument in prompt.arguments] for prompt in prompts},
        )

    resources, templates, prompts = conversation(desk, listed)
    assert resources == ["plumbline://glossary", "plumbline://publication"]
    assert templates == ["plumbline://metrics/{name}"]
    assert prompts == {"why_did_it_move": ["metric", "period"], "review_domain": ["domain", "period"]}


def test_a_prompt_is_written_with_its_arguments(desk):
    got = conversation(desk, lambda client: client.get_prompt("why_did_it_move", {"metric": "毛利率"}))
    text = got.messages[0].content.text
    assert "the metric 毛利率 moved" in text
    assert "the last whole month" in text
