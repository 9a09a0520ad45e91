package speech

import "context"

// Standard finds the engines that need no configuration and are there, in the order in
// which they are tried: the programs espeak-ng and flite, and the clips, which always are.
func Standard(ctx context.Context) (found []Engine) {
	for _, find := range []func(context.Context) Engine{FindESpeak, FindFlite} {
		if e := find(ctx); e != nil {
			found = append(found, e)
		}
	}
	return append(found, Clips())
}
