// A stream that is cut off makes Caddy's reverse_proxy log the request it was for; what
// the log must not hold is checked when the stack stops.
import { journeys } from "./lib/journey.mjs";
import { heading, inside, signUp } from "./lib/steps.mjs";

const journey = journeys();

journey("the application's stream runs, and leaving the page while it does tells the log no secret", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  for (let visits = 1; visits <= 3; visits += 1) {
    await inside(page, "Payslips", person);
    await page.locator("#clock").getByText(/\d/).waitFor();
    await page.goto("/transfer");
    await heading(page, /second way|Confirm|open this page/);
    await page.goto("/");
  }
});
