import os

import streamlit as st

from echo_model import stream

st.set_page_config(page_title="Harbour office")

if "name" not in st.session_state:
    st.title("Harbour office")
    with st.form("sign-in"):
        name = st.text_input("Account")
        secret = st.text_input("Password", type="password")
        if st.form_submit_button("Log in"):
            if (name, secret) == (os.environ["APP_USER"], os.environ["APP_PASSWORD"]):
                st.session_state["name"] = name
                st.rerun()
            st.error("This account and password do not fit together.")
    st.stop()

turns = st.session_state.setdefault("turns", [])
with st.sidebar:
    st.text_input("Find a ship")
    if st.button("Start over"):
        turns.clear()
for role, text in turns:
    with st.chat_message(role):
        st.markdown(text)
if question := st.chat_input("Ask the harbour office"):
    turns.append(("user", question))
    with st.chat_message("user"):
        st.markdown(question)
    with st.chat_message("assistant"):
        answer = st.write_stream(stream([text for role, text in turns if role == "user"]))
    turns.append(("assistant", answer))
