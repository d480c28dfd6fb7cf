{{ staged_rows(
    'erp', 'machine_run_time',
    key=['machine_id', 'run_date'],
    version='modified_at',
    columns=[
        as_id('MachineID', 'machine_id', required=true),
        as_id('LocationID', 'location_id', required=true),

        as_text('MachineName', 'machine_name'),

        as_decimal('PlannedMinutes', 'planned_minutes', scale=2, required=true),
        as_decimal('RunMinutes', 'run_minutes', scale=2, required=true),
        as_decimal('DownMinutes', 'down_minutes', scale=2),
        as_integer('GoodUnits', 'good_units', type='bigint'),
        as_integer('TotalUnits', 'total_units', type='bigint'),

        as_date('RunDate', 'run_date', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
