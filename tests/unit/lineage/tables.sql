-- Small, and full of ties, NULLs and keys that point nowhere, so that what matters shows.
create table orders (id integer, customer integer, day date, amount decimal(9, 2), note varchar, is_open boolean);
insert into orders values
    (1, 10, '2024-01-05', 10.00, 'a', true), (2, 10, '2024-01-20', 25.50, 'b', false),
    (3, 11, '2024-02-02', 7.25, null, true), (4, 12, '2024-02-14', 10.00, 'a', false),
    (5, null, '2024-03-01', 99.99, 'c', true), (6, 11, null, 3.00, 'b', null), (7, 15, '2024-03-09', null, 'd', true);
create table lines (order_id integer, product integer, quantity integer, price decimal(9, 2));
insert into lines values
    (1, 100, 2, 5.00), (1, 101, 1, 2.50), (2, 100, 1, 5.00), (2, 102, 3, 4.00), (3, 101, 4, 2.50), (4, 103, 1, 8.00),
    (5, 100, 6, 5.50), (5, null, 1, 1.00), (6, 101, null, 2.50), (9, 102, 2, 4.00);
create table products (id integer, name varchar, category varchar, color varchar);
insert into products values
    (100, 'bolt', 'metal', 'grey'), (101, 'nut', 'metal', 'black'), (102, 'rope', 'fibre', null),
    (104, 'tape', null, 'red');
create table customers (id integer, name varchar, region varchar, since date);
insert into customers values
    (10, 'ann', 'north', '2023-01-01'), (11, 'bob', 'south', '2023-06-01'), (12, 'cho', 'north', null),
    (13, 'dee', 'east', '2024-01-01');
create table steps (request integer, step integer, began timestamp, who varchar, tags varchar[], info struct(a integer, b varchar));
insert into steps values
    (1, 1, '2024-01-01 08:00', 'x', ['p', 'q'], {'a': 1, 'b': 'u'}), (1, 2, '2024-01-01 10:00', 'y', ['q'], {'a': 2, 'b': 'v'}),
    (1, 3, '2024-01-02 09:00', 'x', [], {'a': 3, 'b': 'u'}), (2, 1, '2024-01-01 09:30', 'z', ['p'], {'a': 4, 'b': null}),
    (2, 2, '2024-01-03 12:00', 'y', null, null);
create table tree (id integer, parent integer, weight integer);
insert into tree values (1, null, 5), (2, 1, 3), (3, 1, 4), (4, 2, 1), (5, 9, 2);
create macro grey_things() as (select count(*) from products where color = 'grey');
create macro cheap_lines() as table select * from lines where price < 3;
