"""The class's address and its QR code, as large as the screen allows."""

from html import escape
from urllib.parse import quote

import segno
import streamlit as st

from core.classroom import ClassState
from pages.ui.markdown import escape_markdown

STYLE = """<style>
.st-key-invitation { align-items: center; text-align: center; }
.st-key-invitation h1 { padding: 0; justify-content: center; text-align: center; }
.st-key-invitation .address { font-size: clamp(1.1rem, 2.6vw, 2.6rem); font-weight: 700; overflow-wrap: anywhere; }
.st-key-invitation .qr { display: block; width: min(calc(100vh - 21.5rem), 88vw); margin: 0 auto; }
</style>"""


def show(state: ClassState) -> None:
    """Show where students join."""
    address = class_address(state.code)
    st.html(STYLE)
    with st.container(key="invitation", gap="xsmall"):
        st.title(f"Class {escape_markdown(state.code)}", anchor=False)
        image = f'<img class="qr" alt="QR code of the address" src="{qr_code(address)}">'
        st.html(f'<div class="address">{escape(address)}</div>{image}')
        st.markdown(
            "Scan the QR code or type the address. You can also enter the code "
            f"**{escape_markdown(state.code)}** on the page Home."
        )


def class_address(code: str) -> str:
    """Return the address that opens this server and joins the class, as the browser knows the server."""
    base = (st.context.url or "").split("?")[0]
    root = base.removesuffix("/").removesuffix("/classroom")
    return f"{root}/?class={quote(code)}"


@st.cache_data(max_entries=100, show_spinner=False)
def qr_code(address: str) -> str:
    """Return an address as a QR code, black on white, in the form of an image's address."""
    return escape(segno.make(address, error="m").svg_data_uri(border=3, light="white", omitsize=True))
