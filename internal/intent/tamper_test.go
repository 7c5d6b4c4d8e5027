package intent_test

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/signing"
)

// change is one change of one part of something.
type change struct {
	path  string
	apply func()
	undo  func()
}

// changes lists a change of every leaf below v, of every list, and of every pointer that may be nil. put stores what
// was changed where it came from.
func changes(v reflect.Value, path string, put func()) []change {
	switch v.Type() {
	case reflect.TypeFor[amount.Amount]():
		more, err := v.Interface().(amount.Amount).Add(amount.FromInt(1))
		if err != nil {
			more = amount.FromInt(1)
		}

		return []change{set(v, path, reflect.ValueOf(more), put)}
	case reflect.TypeFor[time.Time]():
		return []change{set(v, path, reflect.ValueOf(v.Interface().(time.Time).Add(time.Hour)), put)}
	}

	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}

		// What is in an interface cannot be set in place: change a copy, and put that in.
		inner := reflect.New(v.Elem().Type()).Elem()
		inner.Set(v.Elem())

		return changes(inner, path, func() { v.Set(inner); put() })
	case reflect.Pointer:
		return changesOfPointer(v, path, put)
	case reflect.Struct:
		var list []change

		for i := range v.NumField() {
			list = append(list, changes(v.Field(i), path+"."+v.Type().Field(i).Name, put)...)
		}

		return append(list, changesOfOptional(v, path, put)...)
	case reflect.Map:
		return changesOfMap(v, path, put)
	case reflect.Slice, reflect.Array:
		return changesOfList(v, path, put)
	default:
		return []change{set(v, path, other(v), put)}
	}
}

func changesOfPointer(v reflect.Value, path string, put func()) []change {
	if v.IsNil() {
		if v.Type().Elem().Kind() == reflect.Int64 {
			return []change{set(v, path+"?", reflect.New(v.Type().Elem()), put)}
		}

		return nil
	}

	list := changes(v.Elem(), path, put)
	if v.Type() == reflect.TypeFor[*signing.Node]() {
		return list
	}

	return append(list, set(v, path+"=nil", reflect.Zero(v.Type()), put))
}

// changesOfOptional empties an optional that holds something, and fills one that does not.
func changesOfOptional(v reflect.Value, path string, put func()) []change {
	optional, ok := reflect.TypeAssert[signing.Optional](v)
	if !ok {
		return nil
	}

	to := signing.Optional{}
	if optional.Value == nil {
		to.Value = signing.Text("x")
	}

	return []change{set(v, path+"~", reflect.ValueOf(to), put)}
}

func changesOfMap(v reflect.Value, path string, put func()) []change {
	more, other := reflect.MakeMap(v.Type()), reflect.MakeMap(v.Type())

	for _, key := range v.MapKeys() {
		more.SetMapIndex(key, v.MapIndex(key))
		other.SetMapIndex(key, reflect.ValueOf("other"))
	}

	more.SetMapIndex(reflect.ValueOf("added"), reflect.ValueOf("entry"))

	list := []change{set(v, path+"+", more, put)}
	if v.Len() > 0 {
		list = append(list, set(v, path, other, put), set(v, path+"-", reflect.MakeMap(v.Type()), put))
	}

	return list
}

func changesOfList(v reflect.Value, path string, put func()) []change {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		bytes := reflect.New(v.Type()).Elem()
		if v.Kind() == reflect.Slice {
			bytes.Set(reflect.ValueOf([]byte("altered")))
		} else {
			bytes.Index(0).SetUint(v.Index(0).Uint() ^ 1)
		}

		return []change{set(v, path, bytes, put)}
	}

	var list []change

	for i := range v.Len() {
		list = append(list, changes(v.Index(i), fmt.Sprintf("%s[%d]", path, i), put)...)

		without := reflect.MakeSlice(v.Type(), 0, v.Len())
		twice := reflect.MakeSlice(v.Type(), 0, v.Len()+1)

		for k := range v.Len() {
			twice = reflect.Append(twice, v.Index(k))

			if k == i {
				twice = reflect.Append(twice, v.Index(k))
			} else {
				without = reflect.Append(without, v.Index(k))
			}
		}

		list = append(list, set(v, fmt.Sprintf("%s-[%d]", path, i), without, put),
			set(v, fmt.Sprintf("%s+[%d]", path, i), twice, put))
	}

	if v.Len() > 1 {
		reversed := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			reversed = reflect.Append(reversed, v.Index(v.Len()-1-i))
		}

		list = append(list, set(v, path+" reversed", reversed, put))
	}

	return list
}

func set(v reflect.Value, path string, to reflect.Value, put func()) change {
	old := reflect.New(v.Type()).Elem()
	old.Set(v)

	return change{path, func() { v.Set(to); put() }, func() { v.Set(old); put() }}
}

// other is another value of the same kind; for texts one that is of the same form if the text has one.
func other(v reflect.Value) reflect.Value {
	to := reflect.New(v.Type()).Elem()

	switch v.Kind() {
	case reflect.String:
		text := v.String()

		switch {
		case strings.HasPrefix(text, "00") && len(text) > 60:
			last := "0"
			if strings.HasSuffix(text, last) {
				last = "1"
			}

			to.SetString(text[:len(text)-1] + last)
		case v.Type() == reflect.TypeFor[signing.Numeric]():
			to.SetString("1" + text)
		default:
			to.SetString(text + "0")
		}
	case reflect.Bool:
		to.SetBool(!v.Bool())
	case reflect.Uint32:
		to.SetUint(v.Uint() + 1)
	default:
		to.SetInt(v.Int() + 1_000_000)
	}

	return to
}
