-- The SQLSTATE of each stable error code that the kernel raises.
-- Called by: ablo.raise_error. Kept equal to the table in ablo_pg/errors.py by a test.
create or replace function ablo.error_state(p_code text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case p_code
    when 'identity_missing_organization' then 'AB402'
    when 'permission_denied' then 'AB403'
    when 'database_role_cannot_enforce_rls' then 'AB404'
    when 'kernel_newer_than_client' then 'AB502'
    when 'kernel_checksum_mismatch' then 'AB503'
    when 'validation_failed' then 'AB001'
    when 'server_execute_unknown_model' then 'AB002'
    when 'model_not_tenant_scoped' then 'AB003'
    when 'unknown_field' then 'AB004'
    when 'column_type_mismatch' then 'AB005'
    when 'not_null_violation' then 'AB006'
    when 'check_violation' then 'AB007'
    when 'invalid_id' then 'AB008'
    when 'invalid_request' then 'AB009'
    when 'commit_operation_required' then 'AB010'
    when 'commit_operation_action_required' then 'AB011'
    when 'commit_operation_unsupported' then 'AB012'
    when 'commit_operation_model_required' then 'AB013'
    when 'commit_too_many_operations' then 'AB014'
    when 'commit_operation_invalid' then 'AB015'
    when 'idempotency_key_too_long' then 'AB016'
    when 'invalid_participant_kind' then 'AB017'
    when 'query_invalid_identifier' then 'AB018'
    when 'query_unsupported_operator' then 'AB019'
    when 'query_invalid_like_pattern' then 'AB020'
    when 'model_query_failed' then 'AB021'
    when 'cursor_invalid' then 'AB022'
    when 'cursor_ahead' then 'AB023'
    when 'snapshot_required' then 'AB024'
    when 'request_too_large' then 'AB025'
    when 'isolation_level_unsupported' then 'AB028'
    when 'truncate_refused' then 'AB029'
    when 'row_identity_immutable' then 'AB030'
    when 'entity_not_found' then 'AB050'
    when 'idempotency_conflict' then 'AB060'
    when 'stale_context' then 'AB061'
    else 'XX000'
  end
$$;
