package signing

// number is a field number.
type number = int32

// Field numbers of com.daml.ledger.api.v2.interactive (interactive_submission_service.proto and
// interactive_submission_common_data.proto).
const (
	preparedTransactionField number = 1
	preparedMetadataField    number = 2

	metadataSubmitterInfo    number = 2
	metadataSynchronizerID   number = 3
	metadataMediatorGroup    number = 4
	metadataTransactionUUID  number = 5
	metadataPreparationTime  number = 6
	metadataInputContracts   number = 7
	metadataGlobalKeyMapping number = 8
	metadataMinLedgerTime    number = 9
	metadataMaxLedgerTime    number = 10
	metadataMaxRecordTime    number = 11

	submitterActAs     number = 1
	submitterCommandID number = 2

	inputCreateV1  number = 1
	inputCreatedAt number = 1000
	inputEventBlob number = 1002

	transactionVersion   number = 1
	transactionRoots     number = 2
	transactionNodes     number = 3
	transactionNodeSeeds number = 4

	nodeID number = 1
	nodeV1 number = 1000

	seedNodeID number = 1
	seedSeed   number = 2
)

// Field numbers of com.daml.ledger.api.v2.interactive.transaction.v1 (interactive_submission_data.proto).
const (
	kindCreate     number = 1
	kindFetch      number = 2
	kindExercise   number = 3
	kindRollback   number = 4
	kindQueryByKey number = 5

	// The first fields of Create, Fetch and Exercise.
	actionLFVersion   number = 1
	actionContractID  number = 2
	actionPackageName number = 3
	actionTemplateID  number = 4

	createArgument     number = 5
	createSignatories  number = 6
	createStakeholders number = 7
	createKey          number = 8

	exerciseSignatories         number = 5
	exerciseStakeholders        number = 6
	exerciseActingParties       number = 7
	exerciseInterfaceID         number = 8
	exerciseChoiceID            number = 9
	exerciseChosenValue         number = 10
	exerciseConsuming           number = 11
	exerciseChildren            number = 12
	exerciseResult              number = 13
	exerciseChoiceObservers     number = 14
	exerciseKey                 number = 15
	exerciseByKey               number = 16
	exerciseExternalCallResults number = 17

	fetchSignatories   number = 5
	fetchStakeholders  number = 6
	fetchActingParties number = 7
	fetchInterfaceID   number = 8
	fetchKey           number = 9
	fetchByKey         number = 10

	rollbackChildren number = 1

	queryLFVersion   number = 1
	queryPackageName number = 2
	queryTemplateID  number = 3
	queryExhaustive  number = 4
	queryKey         number = 5
	queryResult      number = 6

	keyGlobalKey   number = 1
	keyMaintainers number = 2

	globalKeyTemplateID  number = 1
	globalKeyPackageName number = 2
	globalKeyValue       number = 3
	globalKeyHash        number = 4
)

// Field numbers of com.daml.ledger.api.v2 (value.proto).
const (
	identifierPackageID  number = 1
	identifierModuleName number = 2
	identifierEntityName number = 3

	valueUnit       number = 1
	valueBool       number = 2
	valueInt64      number = 3
	valueDate       number = 4
	valueTimestamp  number = 5
	valueNumeric    number = 6
	valueParty      number = 7
	valueText       number = 8
	valueContractID number = 9
	valueOptional   number = 10
	valueList       number = 11
	valueTextMap    number = 12
	valueGenMap     number = 13
	valueRecord     number = 14
	valueVariant    number = 15
	valueEnum       number = 16

	optionalValue number = 1

	// Lists and maps have one field, of elements or entries; an entry has a key and a value.
	collectionItems number = 1
	entryKey        number = 1
	entryValue      number = 2

	// Records, variants and enumerations begin with the id of their type.
	typeID             number = 1
	recordFields       number = 2
	recordFieldLabel   number = 1
	recordFieldValue   number = 2
	variantConstructor number = 2
	variantValue       number = 3
	enumConstructor    number = 2
)
