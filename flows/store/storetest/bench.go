package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// Bench measures what requests wait for: reading one record among many, and
// reading and writing one, alone and from many goroutines at once.
func Bench(b *testing.B, s store.Store) {
	const total = 10_000
	ctx := context.Background()
	key := func(i int) string { return fmt.Sprintf("session/%064d", i%total) }
	value := make([]byte, 400)
	for i := 0; i < total; i += 1000 {
		err := s.Update(ctx, func(tx store.Tx) error {
			for j := range 1000 {
				if err := tx.Set(key(i+j), value, time.Hour); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	get := func(i int) error {
		return s.View(ctx, func(tx store.Tx) error {
			_, err := tx.Get(key(i))
			return err
		})
	}
	touch := func(i int) error {
		return s.Update(ctx, func(tx store.Tx) error {
			value, err := tx.Get(key(i))
			if err != nil {
				return err
			}
			return tx.Set(key(i), value, time.Hour)
		})
	}
	for _, c := range []struct {
		name string
		do   func(int) error
	}{{"Get", get}, {"Update", touch}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := c.do(i); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"Parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for i := int(time.Now().UnixNano()); pb.Next(); i += 7919 {
					if err := c.do(i); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
