-- A film rental's tables: each key by another name, keys of two columns, circular references, enum types, domains, arrays, full text, partitions, views.
create type rating as enum ('G', 'PG', 'PG-13', 'R', 'NC-17');
create domain year as integer check (value >= 1901 and value <= 2155);
create domain short as varchar(20);
create sequence actor_actor_id_seq;
create table language (language_id serial primary key, name char(20) not null, last_update timestamptz not null default now());
create table category (category_id serial primary key, name text not null, last_update timestamptz not null default now());
create table country (country_id serial primary key, country text not null, last_update timestamptz not null default now());
create table city (city_id serial primary key, city text not null, country_id int not null references country on update cascade on delete restrict);
create table address (address_id serial primary key, address text not null, district text not null, city_id int not null references city, phone text not null);
create table actor (actor_id int primary key default nextval('actor_actor_id_seq'), first_name text not null, last_name text not null);
create table film (film_id serial primary key, title text not null, description text, release_year year, language_id int not null references language,
  original_language_id int references language, rental_duration smallint not null default 3, rental_rate numeric(4, 2) default 4.99 not null,
  rating rating default 'G', special_features text[], fulltext tsvector not null default '');
create table film_actor (actor_id int not null references actor, film_id int not null references film, last_update timestamptz not null default now(),
  primary key (actor_id, film_id));
create table film_category (film_id int not null references film, category_id int not null references category, primary key (film_id, category_id));
create table store (store_id serial primary key, manager_staff_id int not null unique, address_id int not null references address);
create table staff (staff_id serial primary key, first_name text not null, picture bytea, active boolean not null default true,
  address_id int not null references address, store_id int not null references store, rating rating not null default 'PG', since year, nick short, details json);
alter table store add foreign key (manager_staff_id) references staff deferrable initially deferred;
create table customer (customer_id serial primary key, store_id int not null references store, first_name text not null, email text,
  activebool boolean not null default true, create_date date not null default current_date, last_update timestamptz default now());
create table inventory (inventory_id serial primary key, film_id int not null references film, store_id int not null references store);
create table rental (rental_id serial primary key, rental_date timestamptz not null, inventory_id int not null references inventory,
  customer_id int not null references customer, return_date timestamptz, staff_id int not null references staff);
create unique index on rental (rental_date, inventory_id, customer_id);
create table payment (payment_id int not null, customer_id int not null references customer, amount numeric(5, 2) not null,
  payment_date timestamptz not null, primary key (payment_date, payment_id)) partition by range (payment_date);
create table payment_2026 partition of payment for values from ('2026-01-01') to ('2027-01-01');
create table legacy_note (note text);
create table ticket (number int generated always as identity primary key, note text);
create view customer_list as select customer_id as id from customer;
create materialized view totals as select count(*) as id from film;
insert into language (name) values ('English'), ('Italian');
insert into film (title, language_id, original_language_id) select 'Film ' || n, 1, 2 from generate_series(1, 12) n;
insert into actor (first_name, last_name) values ('Penelope', 'Guiness');
insert into film_actor select 1, film_id from film;
