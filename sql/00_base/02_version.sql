-- What is installed: one row per kernel version, one row per file with its SHA-256.
-- Written by: ablo.kernel_record, ablo.kernel_migrate, ablo.kernel_finish. Read by: ablo.status.
create table if not exists ablo.kernel_version (
  version int primary key,
  installed_at timestamptz not null default now(),
  installed_by text not null default session_user
);

create table if not exists ablo.kernel_file (
  path text primary key,
  checksum text not null,
  applied_at timestamptz not null default now()
);
