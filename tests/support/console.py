"""A browser without a screen for the console's tests, and the story that they read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from ds_workflow.workspace import Workspace

PASSWORD = "four plain words here"
XSS = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@dataclass(frozen=True)
class Story:
    """A folder with two champions (nyc_sales, adult_income) and one open proposal, with verdict pass, of the second."""

    root: Path
    proposal: str
    digest: str

    def work(self, problem: str = "adult_income") -> Workspace:
        return Workspace.at(self.root, problem)


def visit(app: FastAPI, *, address: str = "127.0.0.1", host: str = "127.0.0.1") -> TestClient:
    """Keeps cookies, follows no redirect."""
    return TestClient(app, base_url=f"http://{host}", client=(address, 50_000), follow_redirects=False)


def hidden(page: str, name: str, *, after: str = "") -> str:
    """The value of a hidden field, the first one behind `after`."""
    part = page.partition(after)[2] if after else page
    return part.partition(f'name="{name}" value="')[2].partition('"')[0]


def log_in(client: TestClient, name: str, password: str = PASSWORD) -> Any:
    """Fill the login form and send it."""
    token = hidden(client.get("/login").text, "csrf")
    return client.post("/login", data={"name": name, "password": password, "csrf": token, "next": "/arena"})
