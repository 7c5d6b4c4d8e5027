DROP TABLE unrecognized, transfer_instructions, transfers, holdings, ledger_update_bodies, ledger_updates,
    synchronizer_clocks, ingestion_cursors, instruments, treasuries, schema_history;
