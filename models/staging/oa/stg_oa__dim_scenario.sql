{{ staged_rows(
    'oa', 'dim_scenario',
    key=['scenario_key'],
    columns=[
        as_id('ScenarioKey', 'scenario_key', required=true),
        as_text('ScenarioName', 'name', required=true),
    ],
) }}
