-- One operation of a batch, with its commit: how the set-wise routines pass it on. Never stored.
do $type$
begin
  if to_regtype('ablo.batch_operation') is null then
    create type ablo.batch_operation as (
      commit int,                -- the commit's place in the batch, from 1
      model text,                -- typename
      action text,
      id text,
      data jsonb,
      transaction_id text,
      participant text,
      key text,
      request_hash bigint,
      on_behalf_of text,
      capability_id text,
      transport text,
      with_rows boolean);
  end if;
end
$type$;
