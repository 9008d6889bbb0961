package flows

import (
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// resetPassword replaces the password of an account. Whoever knew the old one loses
// everything that it opened: all sessions and refresh tokens, and flows under way. The
// mailbox is spent: by itself it has just become a password, and must not be the second
// factor as well until the owner had time to see the notice.
func (r *effectRun) resetPassword(hash string, back time.Time) error {
	if r.user == nil {
		return &Refusal{Code: FlowGone}
	}
	r.user.Password, r.user.PasswordLocked, r.user.PasswordFrom = hash, false, r.record.ID
	r.user.Epoch++
	r.record.Epoch = r.user.Epoch
	r.user.MailboxBack = back.UTC()
	if err := r.endAllBut(r.user.ID, ""); err != nil {
		return err
	}
	// The failures that were counted were at the old password, this device's own included.
	if err := r.engine.clearBudget(r.tx, r.engine.passwordBudget(r.caller, r.record)); err != nil {
		return err
	}
	if err := r.letter(Letter{Purpose: NoticePasswordReset, Medium: send.Email, To: r.user.Email}); err != nil {
		return err
	}
	return r.putUser()
}
