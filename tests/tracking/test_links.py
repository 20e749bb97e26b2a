"""Links open the right page, in the right mode."""

from pathlib import Path

from mammo_pipeline.tracking import model_link, run_link, server_command
from mammo_pipeline.tracking.runs import ActiveRun


def test_links_open_the_page_in_its_machine_learning_mode():
    local = ActiveRun("sqlite:////study/mlflow.db", "1", "abc", "tiny")
    mode = "?workflowType=machine_learning"
    assert run_link(local) == f"http://127.0.0.1:5000/#/experiments/1/runs/abc{mode}"
    served = ActiveRun("https://tracking.example/", "1", "abc", "tiny")
    page = f"https://tracking.example/#/models/tiny/versions/3{mode}"
    assert model_link(served, "3") == page


def test_the_readme_gives_the_same_command():
    command = server_command("sqlite:///mlruns/mlflow.db")
    assert command == (
        "MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false "
        ".venv/bin/mlflow server --workers 1 --backend-store-uri sqlite:///mlruns/mlflow.db"
    )
    assert command in (Path(__file__).parents[2] / "README.md").read_text()


def test_no_password_gets_into_a_link_or_a_command():
    run = ActiveRun("https://me:secret@tracking.example", "1", "abc", "tiny")
    assert "secret" not in run_link(run) + model_link(run, "1")
    assert "secret" not in server_command("postgresql://me:secret@host/mlflow")


def test_the_command_names_the_database_from_where_it_will_be_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = server_command(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert inside.endswith(" sqlite:///mlruns/mlflow.db")
    assert server_command("sqlite:////study/mlflow.db").endswith(" sqlite:////study/mlflow.db")
