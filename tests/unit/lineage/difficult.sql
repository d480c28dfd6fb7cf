-- Queries that are hard to see through, each after its name. The tables are those of oracle.py.

-- a condition on a column that is not shown
select id from orders where amount > 9;

-- a count reads rows and conditions only
select count(*) as n from orders where is_open;

-- a sum of one column
select sum(amount) as total from orders;

-- groups
select customer, max(amount) as most from orders group by customer;

-- groups by place
select customer as c, note, count(*) as n from orders group by 1, 2;

-- groups by an alias
select date_trunc('month', day) as month, sum(amount) as total from orders group by month;

-- group by all
select customer, date_part('month', day) as m, avg(amount) as mean from orders group by all;

-- having
select customer from orders group by customer having sum(amount) > 10;

-- having without groups
select 1 as one from orders having count(note) > 3;

-- rollup
select customer, note, count(*) as n from orders group by rollup (customer, note);

-- grouping sets
select customer, note, sum(amount) as s from orders group by grouping sets ((customer), (note), ());

-- unused columns of a common table
with wide as (select *, upper(note) as loud from orders) select sum(amount) as total from wide;

-- common tables in a chain
with open_orders as (select * from orders where is_open), sums as (select customer, sum(amount) as total
    from open_orders group by customer)
select c.name, s.total from sums as s join customers as c on c.id = s.customer;

-- a common table that hides a table
with orders as (select id, color as note from products) select note from orders;

-- a common table with other column names
with c(a, b) as (select customer, amount from orders) select a, sum(b) as t from c group by a;

-- a nested common table
select * from (with x as (select id, day from orders where note = 'a') select id from x) as y;

-- an inner join
select l.quantity, o.day from lines as l join orders as o on l.order_id = o.id;

-- an inner join loses lines, so their number rests on the other table
select count(*) as n from lines as l join orders as o on l.order_id = o.id;

-- a left join by a key adds no lines
select l.quantity from lines as l left join products as p on l.product = p.id;

-- a left join by a key for one of its columns
select l.quantity, p.category from lines as l left join products as p on l.product = p.id;

-- two left joins by keys
select p.category, sum(l.quantity) as n from lines as l left join orders as o on l.order_id = o.id
left join products as p on l.product = p.id group by p.category;

-- a left join by a key of a common table
with p as (select * from products), l as (select * from lines)
select sum(l.price) as total from l left join p on l.product = p.id and p.color = 'red';

-- a left join by something else multiplies
select sum(o.amount) as total from orders as o left join lines as l on l.order_id = o.id;

-- a left join by a range
select o.id, c.name from orders as o left join customers as c on o.day >= c.since;

-- a left join to groups
select o.id, s.n from orders as o left join (select order_id, sum(quantity) as n from lines group by
    order_id) as s on s.order_id = o.id;

-- a left join to groups of which nothing is taken
select o.id, o.amount from orders as o left join (select order_id, max(price) from lines group by order_id)
    as s on s.order_id = o.id;

-- a right join
select c.name, o.amount from customers as c right join orders as o on o.customer = c.id;

-- a full join
select coalesce(o.customer, c.id) as who, o.amount, c.region from orders as o full join customers as c on
    o.customer = c.id;

-- a join by using
select id, note, color from (select id + 99 as id, note from orders) join products using (id);

-- a left join by using
select id, name, note from (select id + 9 as id, note from orders) left join customers using (id);

-- a natural join
select * from (select id as product, category from products) natural join lines;

-- a join without condition
select count(*) as n from orders, products where orders.id + 98 = products.id;

-- a cross join
select o.id, p.name from orders as o cross join products as p;

-- a semi join
select l.price from lines as l semi join orders as o on l.order_id = o.id;

-- an anti join
select l.price from lines as l anti join orders as o on l.order_id = o.id;

-- an anti join by a left join
select l.price from lines as l left join orders as o on l.order_id = o.id where o.id is null;

-- a positional join
select orders.note, products.name from orders positional join products;

-- an asof join
select o.id, c.name from orders as o asof join customers as c on o.day >= c.since;

-- an asof left join
select o.id, c.name from orders as o asof left join customers as c on o.customer = c.id and o.day >= c.since;

-- a self join
select a.id, b.note from orders as a join orders as b on a.customer = b.customer and a.day < b.day;

-- a join in brackets
select b.name from lines as a join (orders as o join customers as b on o.customer = b.id) on a.order_id =
    o.id;

-- exists
select name from customers as c where exists (select 1 from orders as o where o.customer = c.id and o.amount
    > 9);

-- not exists
select name from customers as c where not exists (select note from orders as o where o.customer = c.id);

-- in a query
select price from lines where product in (select id from products where category = 'metal');

-- not in a query
select price from lines where product not in (select id from products where color is not null);

-- a pair in a query
select price from lines where (order_id, product) in (select id, customer + 90 from orders);

-- a scalar query
select id, amount - (select avg(amount) from orders) as above from orders;

-- a correlated scalar query
select c.name, (select sum(o.amount) from orders as o where o.customer = c.id) as total from customers as c;

-- a correlated query by an unqualified name
select name, (select count(*) from orders where customer = customers.id and region = 'north') as n from
    customers;

-- any of a query
select id from orders where amount >= all (select price from lines where quantity > 2);

-- union all
select note as x from orders union all select color from products;

-- union
select id as x from orders union select quantity from lines;

-- union all by name
select id, note from orders union all by name select color as note, name from products;

-- union by name
select id, note from orders union by name select id, color as other from products;

-- intersect
select customer as c from orders intersect select id from customers;

-- except
select id as c from customers except select customer from orders where is_open;

-- except all
select note as x from orders except all select color from products;

-- a union in a condition
select name from products where id in (select product from lines union select id from orders where is_open);

-- unions of unions
select id as x from orders union all (select id from products union select id from customers) union all
    select step from steps;

-- the newest row by a window
select request, who from (select *, row_number() over (partition by request order by began desc) as place
    from steps) where place = 1;

-- the newest row by qualify
select request, who from steps qualify row_number() over (partition by request order by began desc) = 1;

-- qualify by an alias
select request, who, rank() over (order by step) as place from steps qualify place <= 2;

-- a left join to the newest row
with newest as (select customer, note, row_number() over (partition by customer order by day desc, id) as
    place from orders)
select c.name, c.region from customers as c left join newest on newest.customer = c.id and newest.place = 1;

-- a value of the newest row
with newest as (select customer, note, row_number() over (partition by customer order by day desc, id) as
    place from orders)
select c.name, newest.note from customers as c left join newest on newest.customer = c.id and newest.place =
    1;

-- lag
select request, step, began - lag(began) over (partition by request order by step) as waited from steps;

-- a window with a name
select request, first_value(who) over w as first, count(*) over w as n from steps window w as (partition by
    request order by began);

-- a frame
select id, sum(amount) over (order by day rows between 1 preceding and current row) as s from orders where
    day is not null;

-- a window over groups
select customer, sum(sum(amount)) over (order by customer) as running from orders group by customer;

-- a window with a filter
select id, count(*) filter (where is_open) over (partition by note) as n from orders;

-- a filter
select count(*) filter (where note = 'a') as a, sum(amount) filter (where is_open) as open from orders;

-- distinct
select distinct customer, note from orders;

-- distinct on
select distinct on (customer) customer, note from orders order by customer, day desc, id;

-- count distinct
select count(distinct customer) as n from orders;

-- limit
select id, note from orders order by amount desc, id limit 3;

-- limit within
select sum(amount) as total from (select amount from orders order by day, id limit 3);

-- limit without order
select sum(amount) as total from (select amount from orders limit 3);

-- offset
select name from customers order by since nulls last, id offset 2;

-- limit by a query
select id from orders order by id limit (select count(*) from products where color is not null);

-- limit after a union
select id as x from orders union all select id from products order by 1 limit 5;

-- order by all
select note, amount from orders order by all limit 2;

-- order by a place
select note, id from orders order by 1, 2 limit 2;

-- a star
select * from orders where is_open;

-- a star without some
select * exclude (note, day) from orders;

-- a star with replacement
select * replace (upper(note) as note) from orders;

-- a star with another name
select * rename (note as remark) from orders;

-- a star of one table
select o.* from orders as o join customers as c on o.customer = c.id;

-- a star without a key, joined
select o.* exclude (note), c.name from orders as o left join customers as c on o.customer = c.id;

-- columns by pattern
select columns('^n|color') from products;

-- columns by function
select columns(lambda c: c like '%o%') from products;

-- all columns put together
select max(columns(*)) from orders;

-- a star by pattern
select * like 'c%' from products;

-- a row as a value
select products from products where id = 100;

-- a row to text
select o::varchar as line from orders as o;

-- a hash of rows
select sum(hash(p)) as h from products as p;

-- pivot
pivot orders on note using sum(amount) group by customer;

-- pivot in from
select * from orders pivot (sum(amount) for note in ('a', 'b') group by customer);

-- unpivot
unpivot (select id, quantity, step from (select order_id as id, quantity, 1 as step from lines)) on
    quantity, step into name what value v;

-- unpivot in from
select id, v from (select id, customer from orders) unpivot (v for what in (customer));

-- unnest in the projection
select request, unnest(tags) as tag from steps;

-- unnest in from
select s.request, t.tag from steps as s, unnest(s.tags) as t(tag);

-- unnest with left join
select s.request, t.tag from steps as s left join unnest(s.tags) as t(tag) on true;

-- how many are unnested
select count(*) as n from steps, unnest(tags) as t(tag);

-- lateral
select c.name, o.total from customers as c, lateral (select sum(amount) as total from orders where
    orders.customer = c.id) as o;

-- lateral join
select c.name, o.id from customers as c left join lateral (select id from orders where customer = c.id order
    by day desc, id limit 1) as o on true;

-- a field of a struct
select info.a as a from steps where info.b = 'u';

-- a field by its table
select s.info.b as b from steps as s;

-- an element of a list
select tags[1] as first, len(tags) as n from steps;

-- a lambda
select list_transform(tags, lambda t: t || who) as t from steps;

-- a comprehension
select [t || '!' for t in tags if t <> 'q'] as t from steps;

-- a struct
select {'w': who, 'n': step} as s from steps;

-- a list with order
select request, list(who order by began) as l from steps group by request;

-- a list without order
select list(who) as l from steps;

-- text put together
select string_agg(note, ',' order by id) as t from orders;

-- the value at the maximum
select arg_max(note, amount) as n from orders;

-- a percentile
select quantile_cont(amount, 0.5) as m, median(quantity) as q from orders, lines;

-- case
select case when is_open then amount else 0 end as a from orders;

-- an alias in the projection
select amount * 2 as twice, twice + 1 as more from orders;

-- an alias in a condition
select amount * 2 as twice from orders where twice > 20;

-- an alias named like a column
select day as note, note as day from orders where note = 'a';

-- a recursive table
with recursive below as (select id, weight, 0 as depth from tree where parent is null
union all select t.id, t.weight + b.weight, b.depth + 1 from tree as t join below as b on t.parent = b.id and b.depth < 5)
select id, weight from below;

-- a recursive table with names
with recursive n(x) as (select min(step) from steps union all select x + 1 from n where x < (select max(id)
    from tree)) select sum(x) as s from n;

-- a series
select count(*) as n from generate_series((select min(day) from orders), (select max(since) from customers)
    + interval 90 day, interval 7 day) as s(d);

-- a series in the projection
select unnest(generate_series(1, quantity)) as i from lines;

-- days without orders
with days as (select cast(unnest(generate_series(date '2024-01-01', date '2024-01-31', interval 1 day)) as
    date) as d)
select d, count(o.id) as n from days left join orders as o on o.day = d group by d;

-- values
select v.name, o.amount from (values (10, 'x'), (11, 'y')) as v(id, name) join orders as o on o.customer =
    v.id;

-- from first
from orders select note where amount > 5;

-- from alone
from products;

-- an alias before
select twice: amount * 2 from orders;

-- is not distinct from
select count(*) as n from orders as o join products as p on o.note is not distinct from p.color;

-- between
select l.price from lines as l join orders as o on l.price between o.amount - 5 and o.amount;

-- coalesce over a left join
select coalesce(p.name, '?') as name, count(*) as n from lines as l left join products as p on p.id =
    l.product group by 1;

-- a condition on the joined side
select count(*) as n from lines as l left join products as p on l.product = p.id where p.category = 'metal';

-- a join to one row
select o.id from orders as o cross join (select max(price) as top from lines) as m;

-- a value of one row
select o.id, m.top from orders as o cross join (select max(price) as top from lines) as m;

-- a condition with one row
select o.id from orders as o join (select max(price) as top from lines) as m on o.amount > m.top;

-- a sum that counts twice
with joined as (select o.id, o.amount, l.quantity from orders as o left join lines as l on l.order_id =
    o.id) select sum(amount) as s from joined;

-- the row id
select rowid as r, note from orders;

-- a sample
select count(*) as n from (select * from orders using sample 3 rows (reservoir, 7));

-- summarize
select column_name, max from (summarize products);

-- grouping by what is joined
select c.region, count(*) as n from orders as o left join customers as c on o.customer = c.id group by
    c.region;

-- distinct joined
select count(distinct c.region) as n from orders as o left join customers as c on o.customer = c.id;

-- nested three deep
select count(*) as n from customers where id in (select customer from orders where id in (select order_id
    from lines where product in (select id from products where color = 'grey')));

-- a correlated limit
select c.id, (select o.note from orders as o where o.customer = c.id order by o.day limit 1) as first from
    customers as c;

-- a union below a left join
select o.note, x.k from orders as o left join (select id as k from products union select quantity from
    lines) as x on x.k = o.id;

-- a distinct below a left join
select o.note from orders as o left join (select distinct order_id from lines) as x on x.order_id = o.id;

-- a key that a join loses
select o.amount from orders as o left join (select p.id from products as p join lines as l on l.product =
    p.id) as x on x.id = o.id + 99;

-- a key that a condition makes
select o.amount from orders as o left join (select customer, row_number() over (partition by customer order
    by id) as place from orders) as x on x.customer = o.customer and x.place = 2;

-- try and casts
select try_cast(note as integer) as n, amount::integer as a from orders;

-- json
select json_extract_string(to_json(info), '$.b') as b from steps;

-- a macro that reads a table
select id, grey_things() /* of products */ as n from orders;

-- a macro that is a table
select count(*) as n from cheap_lines() /* of lines */;

-- a function that gets a query
select coalesce((select max(id) from products), 0) as top, count(*) as n from orders;

-- a list unfolded that rows were put into
select unnest(list(note order by id)) as note from orders;

-- a struct unfolded
select unnest(info) from (select info from steps where info is not null and step < 3);

-- a correlated query that shadows a name
select c.id, (select count(*) from lines as c where c.quantity > 1) as n from customers as c;

-- a common table within a sub-query that hides a table
select name, (with orders as (select 1 as id) select count(*) from orders) as n from customers;

-- a condition in the join that is not of the key
select l.quantity, p.name from lines as l left join products as p on l.product = p.id and l.price > 3;

-- a join by a key that is not the whole of it
select c.id, s.n from customers as c
left join (select customer, note, count(*) as n from orders group by customer, note) as s on s.customer = c.id;

-- the last of a window without a frame
select request, last_value(who) over (partition by request order by step) as l from steps;

-- a window within a condition
select id from (select id, dense_rank() over (order by amount desc nulls last) as place from orders) where place < 3;

-- a cast that a join needs
select count(*) as n from orders as o left join products as p on cast(p.id as varchar) = o.note;

-- groups of a set operation
select x, count(*) as n from (select note as x from orders union all select who from steps) group by x;

-- grouped twice
select n, count(*) as customers from (select customer, count(*) as n from orders group by customer) group by n;

-- an aggregate of an aggregate joined back
select o.id, o.amount / s.total as share
from orders as o inner join (select customer, sum(amount) as total from orders group by customer) as s using (customer);

-- times that do not overlap
with prices as (
    select product, price, order_id as since, lead(order_id) over (partition by product order by order_id) as until from lines
), once as (
    select product, price, since, until from prices qualify row_number() over (partition by product, since order by price) = 1
)
select o.amount from orders as o left join once
    on once.product = o.customer + 90 and o.id >= once.since and (once.until is null or o.id < once.until);

-- a price of times that do not overlap
with prices as (
    select product, price, order_id as since, lead(order_id) over (partition by product order by order_id) as until from lines
), once as (
    select product, price, since, until from prices qualify row_number() over (partition by product, since order by price) = 1
)
select o.id, once.price from orders as o left join once
    on once.product = o.customer + 90 and o.id >= once.since and (once.until is null or o.id < once.until);

-- times that may be there twice
with prices as (
    select product, price, order_id as since, lead(order_id) over (partition by product order by order_id) as until from lines
)
select o.amount from orders as o left join prices
    on prices.product = o.customer + 90 and o.id >= prices.since and (prices.until is null or o.id < prices.until);

-- times that overlap, since they end two begins later
with prices as (
    select product, price, order_id as since, lead(order_id, 2) over (partition by product order by order_id) as until from lines
), once as (
    select product, price, since, until from prices qualify row_number() over (partition by product, since order by price) = 1
)
select o.amount from orders as o left join once
    on once.product = o.customer + 90 and o.id >= once.since and (once.until is null or o.id < once.until);
