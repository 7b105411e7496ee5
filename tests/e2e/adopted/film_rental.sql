-- A film rental's tables: keys that are not called id, enum types, domains, arrays, full text, partitions, views.
create type rating as enum ('G', 'PG', 'PG-13', 'R', 'NC-17');
create domain year as integer check (value >= 1901 and value <= 2155);
create domain short as varchar(20);
create table language (language_id serial primary key, name char(20) not null, last_update timestamptz not null default now());
create table actor (actor_id serial primary key, first_name text not null, last_name text not null);
create table film (film_id serial primary key, title text not null, release_year year, language_id int not null references language,
  rental_rate numeric(4, 2) default 4.99 not null, rating rating default 'G', special_features text[], fulltext tsvector not null);
create table film_actor (actor_id int not null references actor, film_id int not null references film, primary key (actor_id, film_id));
create table staff (id uuid primary key default gen_random_uuid(), first_name text not null, picture bytea, active boolean not null default true,
  rating rating not null default 'PG', since year, nick short, details json);
create table payment (payment_id int, amount numeric(5, 2) not null, payment_date timestamptz not null) partition by range (payment_date);
create table payment_2026 partition of payment for values from ('2026-01-01') to ('2027-01-01');
create view customer_list as select actor_id as id from actor;
create materialized view totals as select count(*) as id from film;
insert into staff (first_name) values ('Mike');
