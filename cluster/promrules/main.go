// Evaluates Prometheus' rules over given series as a Prometheus does: its own parser, storage, engine and alerts. JSON from standard
// input to standard output; a rule that is none, or cannot be evaluated, ends it with a sentence.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
)

type input struct {
	// The text of a file of rules.
	Rules   string
	Stories []story
}

// Times are seconds since the beginning of the story.
type story struct {
	Series []series
	// When rules are evaluated, in order.
	Evaluations []int64
}

type series struct {
	Labels  map[string]string
	Samples []sample
}

// Without a value: a scrape has not found the series any more.
type sample struct {
	At    int64
	Value *float64
}

type output struct {
	// By alert.
	Selectors map[string][]selector `json:"selectors"`
	// What fired, story by story.
	Stories [][]firing `json:"stories"`
}

type firing struct {
	At          int64             `json:"at"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type matcher struct {
	Label    string `json:"label"`
	Operator string `json:"operator"`
	Value    string `json:"value"`
}

// One selector of series: what their labels must be, and by which labels they are grouped or matched.
type selector struct {
	Metric    string    `json:"metric"`
	Matchers  []matcher `json:"matchers"`
	GroupedBy []string  `json:"groupedBy"`
}

var grammar = parser.NewParser(parser.Options{})

// The rules of the input instead of files.
type given string

func (text given) Load(_ string, ignore bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	return rulefmt.Parse([]byte(text), ignore, scheme, grammar, quiet())
}

func (given) Parse(query string) (parser.Expr, error) { return grammar.ParseExpr(query) }

func quiet() *slog.Logger { return promslog.NewNopLogger() }

// What stands around a selector and has lists of labels: `by (...)` of an aggregation, `on (...)` of an operator.
func groupedBy(path []parser.Node) []string {
	found := []string{}
	for _, node := range path {
		switch outer := node.(type) {
		case *parser.AggregateExpr:
			found = append(found, outer.Grouping...)
		case *parser.BinaryExpr:
			if outer.VectorMatching != nil {
				found = append(append(found, outer.VectorMatching.MatchingLabels...), outer.VectorMatching.Include...)
			}
		}
	}
	return found
}

func selectorsOf(expression parser.Expr) []selector {
	found := []selector{}
	parser.Inspect(expression, func(node parser.Node, path []parser.Node) error {
		vector, isVector := node.(*parser.VectorSelector)
		if !isVector {
			return nil
		}
		one := selector{Metric: vector.Name, Matchers: []matcher{}, GroupedBy: groupedBy(path)}
		for _, m := range vector.LabelMatchers {
			if m.Name != labels.MetricName {
				one.Matchers = append(one.Matchers, matcher{m.Name, m.Type.String(), m.Value})
			}
		}
		found = append(found, one)
		return nil
	})
	return found
}

func alertsIn(group *rules.Group) []*rules.AlertingRule {
	found := []*rules.AlertingRule{}
	for _, rule := range group.Rules() {
		if alert, isAlert := rule.(*rules.AlertingRule); isAlert {
			found = append(found, alert)
		}
	}
	return found
}

// Rules at their beginning, as after a start of Prometheus.
func groupsOf(text string, storage *teststorage.TestStorage) (map[string]*rules.Group, error) {
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: grammar})
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:   rules.EngineQueryFunc(engine, storage),
		NotifyFunc:  func(context.Context, string, ...*rules.Alert) {},
		Context:     context.Background(),
		Appendable:  storage,
		Queryable:   storage,
		Logger:      quiet(),
		GroupLoader: given(text),
	})
	groups, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, "the rules")
	return groups, errors.Join(errs...)
}

// Adds the samples up to a time, of all series that have not been added before.
func scrape(storage *teststorage.TestStorage, all []series, from, until int64) error {
	appender := storage.Appender(context.Background())
	for _, one := range all {
		for _, s := range one.Samples {
			if s.At <= from || s.At > until {
				continue
			}
			v := math.Float64frombits(value.StaleNaN)
			if s.Value != nil {
				v = *s.Value
			}
			if _, err := appender.Append(0, labels.FromMap(one.Labels), s.At*1000, v); err != nil {
				return fmt.Errorf("%v at %d s: %w", one.Labels, s.At, err)
			}
		}
	}
	return appender.Commit()
}

func evaluate(group *rules.Group, at int64) ([]firing, error) {
	group.Eval(context.Background(), time.Unix(at, 0))
	found := []firing{}
	for _, rule := range alertsIn(group) {
		if err := rule.LastError(); err != nil {
			return nil, fmt.Errorf("%s: %w", rule.Name(), err)
		}
		for _, alert := range rule.ActiveAlerts() {
			if alert.State == rules.StateFiring {
				found = append(found, firing{at, alert.Labels.Map(), alert.Annotations.Map()})
			}
		}
	}
	return found, nil
}

func tell(text string, told story) ([]firing, error) {
	storage, err := teststorage.NewWithError()
	if err != nil {
		return nil, err
	}
	defer storage.Close()
	groups, err := groupsOf(text, storage)
	if err != nil {
		return nil, err
	}
	found := []firing{}
	last := int64(-1)
	for _, at := range told.Evaluations {
		if err := scrape(storage, told.Series, last, at); err != nil {
			return nil, err
		}
		for _, group := range groups {
			fired, err := evaluate(group, at)
			if err != nil {
				return nil, err
			}
			found = append(found, fired...)
		}
		last = at
	}
	return found, nil
}

func selectorsIn(text string) (map[string][]selector, error) {
	groups, err := groupsOf(text, nil)
	if err != nil {
		return nil, err
	}
	found := map[string][]selector{}
	for _, group := range groups {
		for _, rule := range alertsIn(group) {
			found[rule.Name()] = append(found[rule.Name()], selectorsOf(rule.Query())...)
		}
	}
	return found, nil
}

func answer() (output, error) {
	asked := input{}
	out := output{Stories: [][]firing{}}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return out, err
	}
	selectors, err := selectorsIn(asked.Rules)
	out.Selectors = selectors
	for number, told := range asked.Stories {
		if err != nil {
			break
		}
		var fired []firing
		if fired, err = tell(asked.Rules, told); err != nil {
			err = fmt.Errorf("story %d: %w", number, err)
		}
		out.Stories = append(out.Stories, fired)
	}
	return out, err
}

func main() {
	out, err := answer()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "promrules:", err)
		os.Exit(1)
	}
}
