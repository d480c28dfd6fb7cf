-- Fifty years, whatever the data say: a wrong date in one source must not change the calendar of all others.
with bounds as (
    select
        {{ first_day_of_period("'year'", add_months(as_of(), -600)) }} as first_date,
        {{ as_of() }} as last_date
)

{{ days_from_to('first_date', 'last_date') }}
from bounds
