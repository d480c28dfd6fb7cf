{{ staged_rows('oa', 'dim_scenario', [
    as_id('ScenarioKey', 'scenario_key'),
    as_text('ScenarioName', 'name'),
]) }}
