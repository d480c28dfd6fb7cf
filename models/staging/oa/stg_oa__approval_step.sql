{{ staged_rows(
    'oa', 'approval_step',
    key=['request_id', 'step_number'],
    version='modified_at',
    columns=[
        as_id('RequestID', 'request_id', required=true),
        as_id('ActorID', 'actor_id'),
        as_id('DepartmentID', 'department_id'),

        as_text('RequestType', 'request_type'),
        as_text('StepName', 'step_name', required=true),
        as_text('Outcome', 'outcome'),

        as_integer('StepNo', 'step_number', required=true),
        as_money('Amount', 'amount'),

        as_timestamp('StartedAt', 'started_at', required=true),
        as_timestamp('EndedAt', 'ended_at'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
