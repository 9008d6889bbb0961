package flows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

func TestWhatIsOwedAsWellIsNotOfferedInsteadAndIsAskedForInItsTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().member()
	b.withCode().enrolPhone(danaPhone)
	w.wait(30 * time.Minute)
	b.demand = policy.Need(policy.PasswordProof, time.Minute).Join(policy.Need(policy.SMSProof, time.Minute))
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	if !slices.Equal(b.view.Options, []policy.Factor{policy.Password}) {
		t.Errorf("offers %v, though both are owed", b.view.Options)
	}
	b.submit(flows.SendCode{Factor: policy.SMSCode}).refused(flows.NotThisStep)
	b.submit(flows.UsePassword{}).at(flows.AskPassword)
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)

	b.demand = policy.Need(policy.OTP, time.Second)
	w.wait(time.Minute)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	if !slices.Equal(b.view.Options, []policy.Factor{policy.EmailCode, policy.SMSCode}) {
		t.Errorf("offers %v, though either will do", b.view.Options)
	}
}
