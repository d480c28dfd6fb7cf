{{ config(incremental=true) }}

{{ staged_rows('erp', 'machine_run_time', [
    as_id('MachineID', 'machine_id'),
    as_id('LocationID', 'location_id'),

    as_text('MachineName', 'machine_name'),

    as_decimal('PlannedMinutes', 'planned_minutes', scale=2),
    as_decimal('RunMinutes', 'run_minutes', scale=2),
    as_decimal('DownMinutes', 'down_minutes', scale=2),
    as_integer('GoodUnits', 'good_units', type='bigint'),
    as_integer('TotalUnits', 'total_units', type='bigint'),

    as_date('RunDate', 'run_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
