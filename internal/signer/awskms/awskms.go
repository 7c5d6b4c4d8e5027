package awskms

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

const driver = "AWS KMS"

// Config says which key.
type Config struct {
	// KeyID is the key's id, ARN, or alias. An alias is resolved once: pointing it elsewhere has no effect on a running
	// signer.
	KeyID string
	// Region is the key's, where the environment does not say.
	Region string
	// Endpoint replaces the service's address, for a VPC endpoint.
	Endpoint string
	// Credentials replace those of the environment.
	Credentials aws.CredentialsProvider
}

// Open finds the key. ctx bounds the calls that this takes.
func Open(ctx context.Context, cfg Config, key signer.Config) (*signer.Key, error) {
	if cfg.KeyID == "" {
		return nil, fmt.Errorf("signer: %s: no key id", driver)
	}

	var options []func(*config.LoadOptions) error
	if cfg.Region != "" {
		options = append(options, config.WithRegion(cfg.Region))
	}

	if cfg.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(cfg.Credentials))
	}

	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, (&signer.Error{
			Driver: driver, Op: "load configuration", Cause: signer.Excerpt(err.Error()),
			Advice: "see AWS's own variables and files",
		}).Because(err)
	}

	client := kms.NewFromConfig(loaded, func(o *kms.Options) {
		// Whether to try again is for the caller to decide.
		o.Retryer = aws.NopRetryer{}

		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})

	return signer.New(ctx, &keeper{client: client, id: cfg.KeyID}, key)
}

type keeper struct {
	client *kms.Client
	id     string
	// spec is set by PublicKey.
	spec signing.KeySpec
}

var _ signer.Keeper = (*keeper)(nil)

// PublicKey is the key's only one; the service's keys for signing are not rotated.
func (k *keeper) PublicKey(ctx context.Context, _ signing.Fingerprint) (signing.PublicKey, error) {
	const op = "read public key"

	out, err := k.client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(k.id)})
	if err != nil {
		return signing.PublicKey{}, failure(op, err)
	}

	switch {
	case out.KeySpec == types.KeySpecEccNistEdwards25519:
		k.spec = signing.KeyEd25519
	case out.KeySpec == types.KeySpecEccNistP256:
		k.spec = signing.KeyP256
	default:
		return signing.PublicKey{}, unfit(op, fmt.Sprintf("a key of spec %.40q", out.KeySpec))
	}

	if out.KeyUsage != types.KeyUsageTypeSignVerify {
		return signing.PublicKey{}, unfit(op, fmt.Sprintf("a key for %.40q", out.KeyUsage))
	}

	public, err := signing.ParsePublicKey(k.spec, signing.KeyFormatSPKI, out.PublicKey)
	if err != nil {
		return signing.PublicKey{}, unfit(op, "no public key that we know").Because(err)
	}

	// The ARN, so that an alias that is moved does not lead to another key.
	if arn := aws.ToString(out.KeyId); arn != "" {
		k.id = arn
	}

	return public, nil
}

func unfit(op, cause string) *signer.Error {
	return &signer.Error{
		Driver: driver, Op: op, Cause: cause,
		Advice: "want a key of spec ECC_NIST_EDWARDS25519 or ECC_NIST_P256 with usage SIGN_VERIFY",
	}
}

// Sign asks for one signature.
func (k *keeper) Sign(ctx context.Context, m signer.Message) ([]byte, error) {
	in := &kms.SignInput{
		KeyId: aws.String(k.id), Message: m.Content(),
		MessageType: types.MessageTypeRaw, SigningAlgorithm: types.SigningAlgorithmSpecEd25519Sha512,
	}
	if k.spec == signing.KeyP256 {
		in.Message = m.Digest()
		in.MessageType, in.SigningAlgorithm = types.MessageTypeDigest, types.SigningAlgorithmSpecEcdsaSha256
	}

	out, err := k.client.Sign(ctx, in)
	if err != nil {
		return nil, failure("sign", err)
	}

	return out.Signature, nil
}

// Close has nothing to end: the connections are AWS's library's, which closes idle ones.
func (k *keeper) Close() error { return nil }

// failure says what the service said. Its messages name keys and identities, and no secrets.
func failure(op string, err error) error {
	e := &signer.Error{Driver: driver, Op: op, Cause: signer.Excerpt(err.Error())}

	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		// No answer: a connection, or credentials that could not be had.
		e.Temporary, e.Advice = true, "see whether the service and the source of the credentials can be reached"

		return e.Because(err)
	}

	e.Cause = signer.Excerpt(api.ErrorCode() + ": " + api.ErrorMessage())

	switch api.ErrorCode() {
	case "ThrottlingException", "Throttling", "LimitExceededException", "RequestLimitExceeded", "KeyUnavailableException",
		"KMSInternalException", "DependencyTimeoutException", "InternalFailure", "ServiceUnavailable":
		e.Temporary, e.Advice = true, "the service is busy or out of order: ask less often"
	case "AccessDeniedException":
		e.Advice = "the identity needs kms:GetPublicKey and kms:Sign for this key"
	case "NotFoundException":
		e.Advice = "see key id and region"
	case "DisabledException", "KMSInvalidStateException":
		e.Advice = "the key is disabled or about to be deleted"
	case "ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId":
		e.Advice = "the credentials are not accepted: see where they come from, and this machine's clock"
	default:
		if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
			e.Temporary = answer.HTTPStatusCode() >= http.StatusInternalServerError
		}
	}

	return e.Because(err)
}
