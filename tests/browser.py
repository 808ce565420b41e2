"""Looks at a page of a report as a reader does, in headless Chromium: browser.py PAGE [FOLDER FOR SCREENSHOTS].

Prints one JSON document of what was found; tests/browser.rs says what it must be.
"""

import base64
import json
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.chrome.service import Service

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def main():
    page = Path(sys.argv[1]).resolve()
    shots = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        print(json.dumps(look(driver, page, shots)))
    finally:
        driver.quit()


def look(driver, page, shots):
    found = {}
    for name, (width, height) in SIZES.items():
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                               {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "phone"})
        driver.get(page.as_uri())
        found[name] = {
            "overflow": driver.execute_script("return document.documentElement.scrollWidth - innerWidth"),
            "charts": driver.execute_script(
                "return [...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect()).map(r => [r.width, r.height])"),
        }
        for scheme in ["light", "dark"]:
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
            found[name][scheme] = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
            if shots:
                shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                (shots / f"{name}-{scheme}.png").write_bytes(base64.b64decode(shot["data"]))
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    found["sorted"] = [sort(driver, table) for table in driver.find_elements(By.CSS_SELECTOR, ".sheet table")]
    found["filtered"] = filtered(driver)
    pdf = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})
    data = base64.b64decode(pdf["data"])
    found["pdf_pages"] = data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") + data.count(b"/Type/Page\n")
    if shots:
        (shots / "report.pdf").write_bytes(data)
    found["console"] = [entry["message"] for entry in driver.get_log("browser")]
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    found["requests"] = sorted({url for url in urls if not url.startswith("file:")})
    return found


def sort(driver, table):
    """The texts of the column that a click on each sortable heading sorts, ascending and descending."""
    columns = []
    for i, head in enumerate(table.find_elements(By.CSS_SELECTOR, "th.sorts")):
        orders = []
        for _ in range(2):
            driver.execute_script("arguments[0].click()", head)
            orders.append(driver.execute_script(
                "return [...arguments[0].tBodies[0].rows].map(r => r.classList.contains('net') ? null : r.cells[arguments[1]]?.textContent ?? '')",
                table, i))
        columns.append({"head": head.text, "up": orders[0], "down": orders[1]})
    return columns


def filtered(driver):
    """Rows that remain when the first filter is given the first word of a row, and when it is cleared."""
    fields = driver.find_elements(By.CSS_SELECTOR, "input.filter")
    if not fields:
        return None
    field = fields[0]
    count = """const t = arguments[0].nextElementSibling.querySelector('table');
        return [...t.tBodies[0].rows].filter(r => !r.hidden && !r.classList.contains('net')).length"""
    before = driver.execute_script(count, field)
    type_in = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
    driver.execute_script(type_in, field, "w8a8")
    some = driver.execute_script(count, field)
    driver.execute_script(type_in, field, "nothing has this")
    none = driver.execute_script(count, field)
    driver.execute_script(type_in, field, "")
    return [before, some, none, driver.execute_script(count, field)]


main()
