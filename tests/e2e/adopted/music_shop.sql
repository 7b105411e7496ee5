-- A music shop: quoted names with capitals and spaces, self references, cycles, tenants by another name.
create table "Artist" (id text primary key, tenant_id text not null, "Name" varchar(120));
create table "Album" (id text primary key, tenant_id text not null, "Title" varchar(160) not null,
  "ArtistId" text not null references "Artist" on delete cascade);
create table "Media Type" (id int primary key, tenant_id text, "Name" varchar(120));
create table "Track" (id text primary key, tenant_id text not null, "Name" varchar(200) not null, "AlbumId" text references "Album",
  "MediaTypeId" int not null references "Media Type", "Milliseconds" int not null, "Bytes" int, "UnitPrice" numeric(10, 2) not null,
  "class" text, "State" text not null default 'new' check ("State" in ('new', 'sold out')));
create table "Genre" ("GenreId" int primary key, tenant_id text not null, "Name" varchar(120));
create table "Customer" (tenant_id text not null, "CustomerId" text not null, "FirstName" varchar(40) not null, "SupportRepId" text,
  primary key (tenant_id, "CustomerId"));
create table "Invoice" (tenant_id text not null, "InvoiceId" text not null, "CustomerId" text not null, "Total" numeric(10, 2) not null,
  primary key (tenant_id, "InvoiceId"), foreign key (tenant_id, "CustomerId") references "Customer" on delete cascade);
create table "PlaylistTrack" ("PlaylistId" int, "TrackId" text references "Track", primary key ("PlaylistId", "TrackId"));
create table "Employee" (id text primary key, tenant_id text not null, "LastName" varchar(20) not null, "ReportsTo" text references "Employee",
  "BirthDate" timestamp, "select" text, "favourite" text);
alter table "Employee" add foreign key ("favourite") references "Track";
alter table "Track" add column "buyer" text references "Employee";
create unique index on "Artist" ("Name") where "Name" is not null;
create index on "Track" (tenant_id, "Name");
insert into "Genre" values (1, 't', 'Jazz');
insert into "Customer" values ('t', 'c1', 'Ada');
insert into "Invoice" values ('t', 'i1', 'c1', 9.5);
insert into "Artist" values ('a', 't', 'Nina');
insert into "Album" values ('b', 't', 'Live', 'a');
