create or replace function ablo.key_states(p_hashes text[]) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Which of these keys have ended: {hash: "revoked" | "expired" | "unknown"}, without live ones.
  -- Called by: the relay, every few seconds, for the credentials in use. p_hashes: at most 1000 of them.
begin
  return (select coalesce(json_object_agg(x.hash, x.status) filter (where x.status <> 'live'), '{}')
            from (select h.hash, case when k.id is null then 'unknown' else ablo.key_status(k) end as status
                    from unnest(p_hashes[:1000]) h (hash) left join ablo.api_key k on k.key_hash = h.hash) x);
end
$$;
