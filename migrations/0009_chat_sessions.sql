-- Chat sessions: what the WebSocket at /ws/sessions/{id} speaks to. What is said in one is numbered and kept here before anybody hears of it, so that a
-- client that comes back goes on after the last number it has.

create table chat_sessions (
    id            uuid primary key,
    tenant_id     uuid not null references tenants (id) on delete cascade,
    -- The account that LOGIN signs in; null where the page needs none.
    credential_id uuid references credentials (id) on delete set null,
    -- Who is asked, as the OpenAI surface names it. Null until there is one.
    model         text,
    state         text not null default 'open' check (state in ('open', 'closed')),
    -- Raised by NEW_CHAT: the messages of one number are one conversation.
    conversation  int not null default 1,
    -- The number of its last frame, and the highest that its client has acknowledged.
    last_seq      bigint not null default 0,
    acked_seq     bigint not null default 0,
    -- The connection that has it. Only that one writes frames; a newer connection puts itself here.
    holder        uuid,
    created_at    timestamptz not null default now(),
    active_at     timestamptz not null default now(),
    closed_at     timestamptz
);
create index chat_sessions_by_tenant on chat_sessions (tenant_id, id desc);
create index chat_sessions_idle on chat_sessions (active_at);

-- What was asked in a session: a message, or to sign in. Each is a job.
create table chat_session_turns (
    session_id   uuid not null references chat_sessions (id) on delete cascade,
    tenant_id    uuid not null,
    -- From 1 within the session.
    number       int not null,
    kind         text not null check (kind in ('message', 'login')),
    -- The client's own name for it: the same name is the same message, typed once.
    message_id   text not null,
    conversation int not null,
    model        text,
    question     text not null,
    -- Null until it has been answered.
    answer       text,
    state        text not null default 'open' check (state in ('open', 'done', 'failed')),
    -- Null for the moment between the two writes that accept it.
    job_id       uuid,
    -- The number of the job's last event that was told in frames.
    event_seq    bigint not null default 0,
    -- The session's last frame when it was accepted.
    from_seq     bigint not null,
    at           timestamptz not null default now(),
    primary key (session_id, number),
    constraint chat_session_turns_message_key unique (session_id, message_id)
);
-- A page answers one question at a time.
create unique index chat_session_turns_open on chat_session_turns (session_id) where state = 'open';

-- The commands with a name of the client's that changed the session and are no turns: the same name is the same command, done once.
create table chat_session_commands (
    session_id uuid not null references chat_sessions (id) on delete cascade,
    tenant_id  uuid not null,
    command_id text not null,
    -- What was said.
    said       text not null,
    at         timestamptz not null default now(),
    primary key (session_id, command_id)
);

-- The numbered frames, several to a row.
create table chat_session_frames (
    session_id uuid not null references chat_sessions (id) on delete cascade,
    tenant_id  uuid not null,
    first_seq  bigint not null,
    last_seq   bigint not null,
    frames     jsonb not null,
    at         timestamptz not null default now(),
    primary key (session_id, last_seq)
);

grant select, insert, update, delete on chat_sessions, chat_session_turns, chat_session_commands, chat_session_frames to computetower_system;
grant select, insert, update on chat_sessions, chat_session_turns to computetower_tenant;
grant select, insert on chat_session_commands, chat_session_frames to computetower_tenant;
do $$
declare
    guarded text;
begin
    foreach guarded in array array['chat_sessions', 'chat_session_turns', 'chat_session_commands', 'chat_session_frames'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy own_rows on %I to computetower_tenant using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid) '
                       'with check (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
end $$;
