"use strict";
const dag = new URL(`../api/v2/dags/${document.body.dataset.dag}`, location.href).href;
const POLL_MILLISECONDS = 1500;
const LONG_QUEUED = 10;

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(`${dag}${path}`, {
      method,
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    const unknown = method === "POST" ? ` Whether it started a run, the runs of ${document.body.dataset.dag} say.` : "";
    throw new Error(`Airflow does not answer (${error.message}).${unknown}`);
  }
  const nothing = method === "POST" ? " Nothing was started." : "";
  if (answer.status === 401) throw new Error(`You are logged out of Airflow: log in and come back.${nothing}`);
  if (answer.status === 403) throw new Error(`Airflow does not let you do this (403).${nothing}`);
  if (!answer.ok) throw new Error(`Airflow answered ${answer.status}: ${(await answer.text()).slice(0, 400)}`);
  return answer.json();
}

async function outcomeOf(run) {
  const path = `/dagRuns/${encodeURIComponent(run)}/taskInstances/roll_back/xcomEntries/return_value`;
  const value = (await ask("GET", path)).value;
  const outcome = typeof value === "string" ? JSON.parse(value) : value;
  if (!outcome) throw new Error("It ended well, and left no result: see its log in Airflow.");
  return outcome;
}

function counted(outcome, tense) {
  const parts = ["create", "replace", "delete"].filter((change) => outcome[change].length);
  if (!parts.length) return "The target holds what stood before already.";
  const named = (item) => (typeof item === "string" ? item : `${item.name} (min ${item.min_instances ?? "as it is"})`);
  return parts.map((change) => `${tense} ${change} ${outcome[change].map(named).join(", ")}`).join("; ") + ".";
}

function told(outcome) {
  const reasons = outcome.reasons.length ? ` ${outcome.reasons.join("; ")}` : "";
  if (outcome.state === "dry_run") return counted(outcome, "Would") + reasons;
  if (outcome.state === "rolled_back") return `Rolled back. ${counted(outcome, "Did")}${reasons}`;
  return `Ended as ${outcome.state.replaceAll("_", " ")}.${reasons}`;
}

async function follow(run, say) {
  for (let tries = 1; ; tries += 1) {
    const state = (await ask("GET", `/dagRuns/${encodeURIComponent(run)}`)).state;
    if (state === "success") return outcomeOf(run);
    if (state === "failed") throw new Error("It failed: its log in Airflow says why.");
    const isPaused = state === "queued" && tries >= LONG_QUEUED && (await ask("GET", "")).is_paused;
    say(isPaused ? `Waiting: the DAG ${document.body.dataset.dag} is paused. Unpause it, and the run begins.` : `Run ${run} is ${state}…`);
    await new Promise((resume) => setTimeout(resume, POLL_MILLISECONDS));
  }
}

for (const control of document.querySelectorAll("form[data-push]")) {
  const output = control.querySelector("output");
  const buttons = [...control.querySelectorAll("button")];
  const reason = control.querySelector("input");
  const say = (text) => { output.textContent = text; };
  const start = async (isDryRun) => {
    if (!isDryRun && !reason.value.trim()) {
      say("Say why first: it is kept in the ledger with your name.");
      reason.focus();
      return;
    }
    buttons.forEach((button) => { button.disabled = true; });
    let isDone = false, run = "";
    try {
      const conf = { push_id: control.dataset.push, dry_run: isDryRun, reason: reason.value.trim() };
      run = (await ask("POST", "/dagRuns", { logical_date: null, conf })).dag_run_id;
      const outcome = await follow(run, say);
      isDone = outcome.state === "rolled_back";
      say(told(outcome));
    } catch (error) {
      say(run ? `Run ${run} was started. ${error.message}` : error.message);
    } finally {
      buttons.forEach((button) => { button.disabled = isDone; });
    }
  };
  control.addEventListener("submit", (event) => event.preventDefault());
  control.querySelector("button[name=show]").addEventListener("click", () => start(true));
  control.querySelector("button[name=apply]").addEventListener("click", () => start(false));
}
