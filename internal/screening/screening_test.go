package screening_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/screening"
)

const id = "0b5e2a52-7b1f-4a3e-9d0c-2f6a1c9e4b77"

func question() screening.Question {
	return screening.Question{
		Kind: screening.Offer, DepositID: uuid.MustParse(id), Treasury: "treasury::1220aa",
		Instrument: ident.Instrument{Admin: "DSO::1220bb", ID: "Amulet"}, Amount: amounttest.Of("12.5000000000"), Sender: "alice::1220cc",
		Memo: new("ACC-4711"), Account: "customer-4711", ExecuteBefore: time.Date(2026, 11, 26, 10, 30, 0, 1000, time.UTC),
	}
}

func settings(url string) screening.Settings {
	return screening.Settings{URL: url, Timeout: 5 * time.Second, Workers: 4}
}

// serve is a service, and a client of it.
func serve(t *testing.T, handler http.HandlerFunc, change ...func(*screening.Settings)) *screening.Client {
	t.Helper()

	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)

	s := settings(server.URL + "/screen")
	for _, c := range change {
		c(&s)
	}

	client, err := s.Client()
	require.NoError(t, err)
	t.Cleanup(client.CloseIdle)

	return client
}

func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = strings.NewReader(body).WriteTo(w)
	}
}

func answer(result string) string {
	return fmt.Sprintf(`{"depositId":%q,"result":%q,"detail":"case 17","more":{}}`, id, result)
}

// TestTheRequestIsAsDocumented, to the byte: the service may compare repeated ones.
func TestTheRequestIsAsDocumented(t *testing.T) {
	t.Parallel()

	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("first\n"), 0o600))

	type seen struct {
		method, path, body string
		header             http.Header
	}

	got := make(chan seen, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.Method, r.URL.Path, string(body), r.Header}
		says(http.StatusOK, "application/json; charset=utf-8", answer("passed"))(w, r)
	}, func(s *screening.Settings) { s.TokenFile = token })

	ask := func(q screening.Question) seen {
		said, err := client.Ask(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, screening.Answer{Result: deposit.Passed, Detail: "case 17"}, said)

		return <-got
	}

	first := ask(question())
	require.Equal(t, "POST /screen", first.method+" "+first.path)
	require.Equal(t, "application/json", first.header.Get("Content-Type"))
	require.Equal(t, id, first.header.Get("Idempotency-Key"))
	require.Equal(t, "Bearer first", first.header.Get("Authorization"))
	want := `{"kind":"offer","depositId":"` + id + `","treasury":"treasury::1220aa","instrumentAdmin":"DSO::1220bb","instrumentId":"Amulet",` +
		`"amount":"12.5","sender":"alice::1220cc","memo":"ACC-4711","account":"customer-4711","executeBefore":"2026-11-26T10:30:00.000001Z","tries":0}`
	require.Equal(t, want, first.body)

	require.NoError(t, os.WriteFile(token, []byte("second"), 0o600))

	q := question()
	q.Kind, q.Sender, q.Memo, q.Tries = screening.Deposit, "", nil, 2
	q.Update, q.RecordTime = "1220dd", time.Date(2026, 11, 26, 10, 29, 0, 0, time.FixedZone("", 3600))
	second := ask(q)
	require.Equal(t, "Bearer second", second.header.Get("Authorization"))
	want = `{"kind":"deposit","depositId":"` + id + `","treasury":"treasury::1220aa","instrumentAdmin":"DSO::1220bb","instrumentId":"Amulet",` +
		`"amount":"12.5","sender":null,"memo":null,"account":"customer-4711","updateId":"1220dd","recordTime":"2026-11-26T09:29:00.000000Z","tries":2}`
	require.Equal(t, want, second.body)
}

func TestAnswers(t *testing.T) {
	t.Parallel()

	for _, want := range []deposit.Screening{deposit.Passed, deposit.Doubtful, deposit.Refused} {
		client := serve(t, says(http.StatusOK, "application/json", answer(string(want))))
		said, err := client.Ask(t.Context(), question())
		require.NoError(t, err)
		require.Equal(t, want, said.Result)
	}

	// What it says is fit for the database, and bounded.
	client := serve(t, says(http.StatusOK, "application/json", `{"depositId":"`+id+`","result":"refused","detail":"\u0000`+strings.Repeat("ä", 5000)+`"}`))
	said, err := client.Ask(t.Context(), question())
	require.NoError(t, err)
	require.Equal(t, memo.Stored(said.Detail), said.Detail)
	require.NotContains(t, said.Detail, "\x00")
}

// TestNothingElseIsAnAnswer: whatever a service, or what stands in its place, says in another way lets nothing through.
func TestNothingElseIsAnAnswer(t *testing.T) {
	t.Parallel()

	const json = "application/json"

	passed := answer("passed")
	other := uuid.MustParse("0b5e2a52-7b1f-4a3e-9d0c-2f6a1c9e4b78").String()

	squeezed := func() string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(strings.Replace(passed, "case 17", strings.Repeat("0", 10<<20), 1)))
		_ = z.Close()

		return b.String()
	}()

	for name, c := range map[string]struct {
		handler           http.HandlerFunc
		cause             string
		alarming, general bool
	}{
		"empty":              {says(200, json, ""), "not the JSON", true, false},
		"nothing":            {says(200, json, "null"), "another deposit", true, false},
		"a list":             {says(200, json, "["+passed+"]"), "not the JSON", true, false},
		"a page":             {says(200, "text/html", "<p>passed</p>"), "not application/json", true, false},
		"called a page":      {says(200, "text/html", passed), "not application/json", true, false},
		"no type":            {says(200, "", passed), "not application/json", true, false},
		"no result":          {says(200, json, `{"depositId":"`+id+`"}`), "without a result", true, false},
		"unknown result":     {says(200, json, answer("ok")), "not known", true, false},
		"another case":       {says(200, json, answer("Passed")), "not known", true, false},
		"a blank more":       {says(200, json, answer("passed ")), "not known", true, false},
		"unavailable":        {says(200, json, answer("unavailable")), "without a result", true, false},
		"true":               {says(200, json, `{"depositId":"`+id+`","result":true}`), "not the JSON", true, false},
		"member's case":      {says(200, json, strings.Replace(passed, "result", "Result", 1)), "without a result", true, false},
		"twice":              {says(200, json, `{"depositId":"`+id+`","result":"refused","result":"passed"}`), "not the JSON", true, false},
		"twice, nested":      {says(200, json, strings.Replace(passed, "{}", `{"a":1,"a":2}`, 1)), "not the JSON", true, false},
		"two answers":        {says(200, json, passed+passed), "not the JSON", true, false},
		"cut":                {says(200, json, passed[:len(passed)-1]), "not the JSON", true, false},
		"not UTF-8":          {says(200, json, strings.Replace(passed, "case", "\xff", 1)), "not the JSON", true, false},
		"no deposit":         {says(200, json, `{"result":"passed"}`), "another deposit", true, false},
		"another's":          {says(200, json, strings.Replace(passed, id, other, 1)), "another deposit", true, false},
		"huge":               {says(200, json, strings.Replace(passed, "case 17", strings.Repeat("0", maxAnswer), 1)), "more than", true, false},
		"huge, squeezed":     {zipped(squeezed), "more than", true, false},
		"created":            {says(201, json, passed), "HTTP 201", true, true},
		"no content":         {says(204, json, ""), "HTTP 204", true, true},
		"bad request":        {says(400, json, passed), "HTTP 400", true, false},
		"unauthorized":       {says(401, json, passed), "HTTP 401", true, true},
		"forbidden":          {says(403, json, passed), "HTTP 403", true, true},
		"not found":          {says(404, json, passed), "HTTP 404", true, true},
		"too many":           {says(429, json, passed), "HTTP 429", false, true},
		"broken":             {says(500, json, passed), "HTTP 500", false, false},
		"away":               {says(503, json, passed), "HTTP 503", false, true},
		"broken connection":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", false, true},
		"less than promised": {short(passed), "EOF", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			client := serve(t, c.handler)
			said, err := client.Ask(t.Context(), question())
			require.Zero(t, said)

			var failed *screening.Error
			require.ErrorAs(t, err, &failed)
			require.Contains(t, failed.Cause, c.cause)
			require.Equal(t, c.alarming, failed.Alarming, "alarming")
			require.Equal(t, c.general, failed.General, "general")
			require.Less(t, len(err.Error()), 500)
		})
	}
}

const maxAnswer = 64 << 10

func zipped(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		says(http.StatusOK, "application/json", body)(w, r)
	}
}

func short(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		says(http.StatusOK, "application/json", body)(w, r)
	}
}

// TestARedirectIsNotFollowed: the question and the token stay where they were sent.
func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()

	var met atomic.Int64

	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		met.Add(1)
		says(http.StatusOK, "application/json", answer("passed"))(w, r)
	}))
	t.Cleanup(elsewhere.Close)

	for _, status := range []int{301, 302, 303, 307, 308} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		_, err := client.Ask(t.Context(), question())

		var failed *screening.Error
		require.ErrorAs(t, err, &failed)
		require.Contains(t, failed.Cause, "a redirect, which is not followed")
		require.True(t, failed.Alarming)
	}

	require.Zero(t, met.Load())
}

// TestASlowServiceIsNotWaitedFor, whether it says nothing or drips.
func TestASlowServiceIsNotWaitedFor(t *testing.T) {
	t.Parallel()

	for name, drip := range map[string]bool{"silent": false, "drips": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)

				if drip {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, answer("passed")[:20])
					w.(http.Flusher).Flush()
				}

				<-r.Context().Done()
			}, func(s *screening.Settings) { s.Timeout = 50 * time.Millisecond })

			said, err := client.Ask(t.Context(), question())
			require.Zero(t, said)

			var failed *screening.Error
			require.ErrorAs(t, err, &failed)
			require.Contains(t, failed.Cause, "no complete answer within 50ms")
			require.False(t, failed.Alarming)
			require.True(t, failed.General)
		})
	}
}

// TestOurOwnEnd is no fault of the service.
func TestOurOwnEnd(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)

		cancel()
		<-r.Context().Done()
	})
	_, err := client.Ask(ctx, question())
	require.ErrorIs(t, err, context.Canceled)

	var failed *screening.Error
	require.NotErrorAs(t, err, &failed)
}

// TestTheTokenIsNotRepeated, however the service words its refusal, and a token that no header can hold is not sent.
func TestTheTokenIsNotRepeated(t *testing.T) {
	t.Parallel()

	token := filepath.Join(t.TempDir(), "token")
	with := func(s *screening.Settings) { s.TokenFile = token }

	require.NoError(t, os.WriteFile(token, []byte("hunter2-hunter2"), 0o600))

	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		says(401, "text/plain", "\x1b[2Jwhat is "+strings.Repeat(" ", 250)+r.Header.Get("Authorization"))(w, r)
	}, with)
	_, err := client.Ask(t.Context(), question())
	require.ErrorContains(t, err, "HTTP 401: ")
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), "\x1b")

	for _, bad := range []string{"hunter2 is it", "hünter2", ""} {
		require.NoError(t, os.WriteFile(token, []byte(bad), 0o600))
		_, err = client.Ask(t.Context(), question())

		var failed *screening.Error
		require.ErrorAs(t, err, &failed)
		require.NotContains(t, err.Error(), "nter2")
		require.True(t, failed.Alarming)
	}
}

// TestWhomToTrust: a certificate counts, and nothing goes in the clear to another machine unless it is asked for.
func TestWhomToTrust(t *testing.T) {
	t.Parallel()

	server := httptest.NewTLSServer(says(http.StatusOK, "application/json", answer("passed")))
	t.Cleanup(server.Close)

	s := settings(server.URL)
	client, err := s.Client()
	require.NoError(t, err)

	_, err = client.Ask(t.Context(), question())

	var failed *screening.Error
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Alarming && failed.General, "a stranger's certificate")

	s.CAFile = filepath.Join(t.TempDir(), "ca")
	require.NoError(t, os.WriteFile(s.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	client, err = s.Client()
	require.NoError(t, err)

	said, err := client.Ask(t.Context(), question())
	require.NoError(t, err)
	require.Equal(t, deposit.Passed, said.Result)
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()

	none := filepath.Join(t.TempDir(), "none")

	for name, c := range map[string]struct {
		change func(*screening.Settings)
		want   string
	}{
		"clear":       {func(s *screening.Settings) { s.URL = "http://screening.example/" }, "CES_SCREENING_URL"},
		"scheme":      {func(s *screening.Settings) { s.URL = "ftp://screening.example/" }, "CES_SCREENING_URL"},
		"no host":     {func(s *screening.Settings) { s.URL = "https://:443/" }, "CES_SCREENING_URL"},
		"password":    {func(s *screening.Settings) { s.URL = "https://u:hunter2@screening.example/" }, "CES_SCREENING_URL"},
		"query":       {func(s *screening.Settings) { s.URL = "https://screening.example/?k=hunter2" }, "CES_SCREENING_URL"},
		"no URL":      {func(s *screening.Settings) { s.URL = "https://hunter2\x7f" }, "CES_SCREENING_URL"},
		"not set":     {func(s *screening.Settings) { s.URL, s.TokenFile = "", none }, "CES_SCREENING_URL"},
		"timeout":     {func(s *screening.Settings) { s.Timeout = time.Minute }, "CES_SCREENING_TIMEOUT"},
		"no time":     {func(s *screening.Settings) { s.Timeout = 0 }, "CES_SCREENING_TIMEOUT"},
		"workers":     {func(s *screening.Settings) { s.Workers = 0 }, "CES_SCREENING_WORKERS"},
		"token":       {func(s *screening.Settings) { s.TokenFile = none }, "CES_SCREENING_TOKEN_FILE"},
		"authorities": {func(s *screening.Settings) { s.CAFile = none }, "CES_SCREENING_TLS_CA_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := settings("https://screening.example/v1")
			c.change(&s)

			_, err := s.Client()
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}

	for _, good := range []string{"https://screening.example", "http://localhost:8080/a", "http://127.0.0.1/", "http://[::1]:1/"} {
		s := settings(good)
		_, err := s.Client()
		require.NoError(t, err)
	}

	plain := settings("http://screening.example/")
	plain.PlainHTTP = true
	_, err := plain.Client()
	require.NoError(t, err)

	require.NoError(t, (&screening.Settings{Timeout: time.Second, Workers: 1}).Validate(), "there need be none")
}
