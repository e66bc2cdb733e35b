"""Markup -> what a reader would say. The tables are the specification: markup, and the text made of it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.pubmed.characters import unescaped
from biom_demo.pubmed.markup import parts_of, readable
from biom_demo.pubmed.mathml import MAX_DEPTH
from tests.costs import MAX_RATIO, ratio_of


def said(inner):
    return readable(ElementTree.fromstring(f"<AbstractText>{inner}</AbstractText>"))


# Inline tags: powers, charges, isotopes, formulas, indices.
INLINE = [
    ("10<sup>-3</sup> M", "10^-3 M"),
    ("10<sup>-</sup><sup>3</sup> M", "10^-3 M"),
    ("10<b><sup>-</sup></b><i><sup>3</sup></i> M", "10^-3 M"),
    ("10<sup>-</sup> <sup>3</sup> M", "10^-3 M"),
    ("10<sup>−3</sup>, 10<sup>–4</sup>", "10^-3, 10^-4"),
    ("10<sup>-</sup>3 M", "10^-3 M"),
    ("10-<sup>3</sup> M", "10^-3 M"),
    ("5 × 10<sup>6</sup> cells", "5 × 10^6 cells"),
    ("5 × 10 <sup>6</sup> cells", "5 × 10^6 cells"),
    ("5 × 10\n      <sup>-6</sup>\n      M", "5 × 10^-6 M"),
    ("5 × 10<sup> 6 </sup>cells", "5 × 10^6 cells"),
    ("10<sup>3</sup>-10<sup>5</sup> CFU", "10^3-10^5 CFU"),
    ("10<sup>+6</sup>", "10^+6"),
    ("10<sup>4-5</sup> CFU, 10<sup>n+1</sup>, 10<sup>(-3)</sup>", "10^(4-5) CFU, 10^(n+1), 10^(-3)"),
    ("10 <sup>6</sup>CFU and 10 <sup>6</sup> CFU", "10^6CFU and 10^6 CFU"),
    ("10<sub>-3</sub>", "10_-3"),
    ("CO\n  <sub>2</sub>\n  , in (\n  <i>E. coli</i>\n  ) at 5\n  %\n  .", "CO2, in (E. coli) at 5%."),
    ("P &lt;\n  .05, :\n  .5", "P < .05, : .5"),
    ("2<sup>n</sup> copies and 10<sup>x</sup>", "2^n copies and 10^x"),
    ("2<sup>-ΔΔCt</sup> and 2<sup>-ΔΔC<sub>T</sub></sup>", "2^-ΔΔCt and 2^-ΔΔCT"),
    ("e<sup>-kt</sup> and e<sup>x</sup>", "e^-kt and e^x"),
    ("(x+1)<sup>2</sup>", "(x+1)^2"),
    ("10 mg kg<sup>-1</sup> d<sup>-1</sup>", "10 mg kg^-1 d^-1"),
    ("10 mg kg <sup>-1</sup> day <sup>-1</sup>", "10 mg kg^-1 day^-1"),
    ("kg/m<sup>2</sup>, mm<sup>3</sup>, kg/m <sup>2</sup>", "kg/m2, mm3, kg/m2"),
    ("χ<sup>2</sup> and R<sup>2</sup>", "χ2 and R2"),
    ("Ca<sup>2+</sup>, Na<sup>+</sup>, Cl<sup>−</sup>", "Ca2+, Na+, Cl-"),
    ("SO<sub>4</sub><sup>2-</sup>, NO<sub>3</sub><sup>-</sup>", "SO4^2-, NO3-"),
    ("PO<sub>4</sub><sup>3</sup><sup>-</sup>", "PO4^3-"),
    ("O<sub>2</sub><sup>•-</sup>", "O2•-"),
    ("CD4<sup>+</sup>CD25<sup>high</sup> and CD8<sup>-</sup>", "CD4+CD25high and CD8-"),
    ("Foxp3<sup>-/-</sup>, p53<sup>+/-</sup>, Kit<sup>W-sh</sup>", "Foxp3-/-, p53+/-, KitW-sh"),
    ("H-2<sup>b</sup>, I-A<sup>d</sup>", "H-2b, I-Ad"),
    ("the 5<sup>th</sup> and 21<sup>st</sup>", "the 5th and 21st"),
    ("37<sup>o</sup>C, 4 <sup>o</sup>C, 37<sup>0</sup>C, 98<sup>∘</sup>F", "37°C, 4 °C, 37°C, 98°F"),
    ("<sup>18</sup>F-FDG, [<sup>11</sup>C]PiB, <sup>99m</sup>Tc", "18F-FDG, [11C]PiB, 99mTc"),
    ("of 10 <sup>18</sup>F-FDG scans", "of 10 18F-FDG scans"),
    ("H<sub>2</sub><sup>18</sup>O", "H2 18O"),
    ("CD4<sup>+</sup> <sup>3</sup>H counts", "CD4+ 3H counts"),
    ("H<sub>2</sub>O, CO<sub>2</sub>, C<sub>16</sub>H<sub>32</sub>O<sub>2</sub>", "H2O, CO2, C16H32O2"),
    ("C<sub>1</sub><sub>6</sub>", "C16"),
    ("CO <sub>2</sub> uptake, PM <sub>2.5</sub>, log <sub>10</sub> units", "CO2 uptake, PM2.5, log10 units"),
    ("H <sub>2</sub> O and Fe <sub>3</sub> O <sub>4</sub> dust", "H2O and Fe3O4 dust"),
    ("VO<sub>2max</sub>, VO<sub>2</sub>max, V<sup>.</sup>O<sub>2</sub> max", "VO2max, VO2max, VO2 max"),
    ("V<sub>max</sub>, K<sub>m</sub>, IC<sub>50</sub>, t<sub>1/2</sub>", "Vmax, Km, IC50, t1/2"),
    (
        "AUC<sub>0-24</sub>, HbA<sub>1c</sub>, GABA<sub>A</sub>, 5-HT<sub>2A</sub>",
        "AUC0-24, HbA1c, GABAA, 5-HT2A",
    ),
    ("1,25(OH)<sub>2</sub>D<sub>3</sub>, [Ca<sup>2+</sup>]<sub>i</sub>", "1,25(OH)2D3, [Ca2+]i"),
    ("P<sub>trend</sub> = 0.02", "P_trend = 0.02"),
    ("V̇O<sub>2max</sub> and V̇O2", "VO2max and VO2"),
    ("a 30<sup>o</sup> angle", "a 30° angle"),
    ("Ca<sub>v</sub>1.2 and Na<sub>v</sub>1.5", "Cav1.2 and Nav1.5"),
    ("x<sub>i</sub>, x<sub>i+1</sub>, x<sub>1</sub><sup>2</sup>", "x_i, x_(i+1), x1^2"),
    ("log<sub>2</sub>3 and log10<sub>2</sub>", "log2 3 and log10_2"),
    (
        "<sup>1</sup>/<sub>2</sub>, 2<sup>1</sup>/<sub>2</sub> and 2 <sup>1</sup>⁄<sub>3</sub>",
        "1/2, 2 1/2 and 2 1⁄3",
    ),
    ("x<sup>a<sub>1</sub></sup>", "x^a1"),
    ("6.02 × 10<sup>23</sup> molecules", "6.02 × 10^23 molecules"),
    ("1.6 x 10<sup>-</sup><sup>19</sup> C", "1.6 x 10^-19 C"),
    ("10<sup>−</sup><sup>1</sup><sup>2</sup> M", "10^-12 M"),
    ("10<sup>3.2</sup> TCID<sub>50</sub>/ml", "10^3.2 TCID50/ml"),
    ("5<i>×</i>10<sup><i>5</i></sup>", "5×10^5"),
    ("10<i><sup>4</sup></i> cells", "10^4 cells"),
    ("log<sub>10</sub> CFU/g", "log10 CFU/g"),
    ("Fe<sup>3+</sup>/Fe<sup>2+</sup>", "Fe3+/Fe2+"),
    ("NH<sub>4</sub><sup>+</sup>", "NH4+"),
    ("HPO<sub>4</sub><sup>2−</sup>", "HPO4^2-"),
    ("<sup>13</sup>C<sub>6</sub>-glucose", "13C6-glucose"),
    ("<sup>68</sup>Ga-DOTATATE and <sup>177</sup>Lu", "68Ga-DOTATATE and 177Lu"),
    ("PaCO<sub>2</sub>, FEV<sub>1</sub>/FVC", "PaCO2, FEV1/FVC"),
    ("g·m<sup>-2</sup>·d<sup>-1</sup>", "g·m^-2·d^-1"),
    ("10<sup>-6</sup>-10<sup>-3</sup> M", "10^-6-10^-3 M"),
    ("2<sup>3</sup> factorial design", "2^3 factorial design"),
    ("(2<sup>−ΔΔCt</sup>) method", "(2^-ΔΔCt) method"),
    ("η<sub>p</sub><sup>2</sup> = 0.3", "η_p^2 = 0.3"),
    ("Lin<sup>−</sup>Sca-1<sup>+</sup>c-Kit<sup>+</sup>", "Lin-Sca-1+c-Kit+"),
    ("p16<sup>INK4a</sup> and BRAF<sup>V600E</sup>", "p16INK4a and BRAFV600E"),
    ("Δ<sup>9</sup>-THC, N<sup>6</sup>-methyladenosine, m<sup>6</sup>A", "Δ9-THC, N6-methyladenosine, m6A"),
    ("N<sup>G</sup>-nitro-L-arginine", "NG-nitro-L-arginine"),
    ("5<sup>′</sup>-UTR and 3<sup>'</sup>-end", "5′-UTR and 3'-end"),
    ("V˙O<sub>2peak</sub>", "VO2peak"),
    ("H<inf>2</inf>O", "H2O"),
    ("Mg<sup>2</sup><sup>+</sup>", "Mg2+"),
    ("10<sup><b>-</b></sup><sup><b>8</b></sup>", "10^-8"),
    ("TiO\n          <sub>2</sub>\n          particles", "TiO2 particles"),
    ("10\n          <sup>-3</sup>\n          M", "10^-3 M"),
    ("Ca\n          <sup>2+</sup>\n          influx", "Ca2+ influx"),
    ("mL min<sup>-1</sup> 1.73 m<sup>-2</sup>", "mL min^-1 1.73 m^-2"),
    ("10<sup>-2</sup>–10<sup>2</sup>", "10^-2–10^2"),
    ("S<sub>N</sub>2 reaction", "SN2 reaction"),
    ("f(x) = x<sup>-2</sup>", "f(x) = x^-2"),
    ("10<sup>4</sup>/mm<sup>3</sup>", "10^4/mm3"),
    ("1.2×10<sup>9</sup>/L", "1.2×10^9/L"),
    ("O<sub>2</sub><sup>·−</sup>", "O2·-"),
    ("CD4 <sup>+</sup> T cells, CD8 <sup>−</sup> cells", "CD4+ T cells, CD8- cells"),
    ("Na <sup>+</sup>/K <sup>+</sup>-ATPase", "Na+/K+-ATPase"),
    ("on the 5 <sup>th</sup> day", "on the 5th day"),
    ("SO <sub>4</sub> <sup>2-</sup>", "SO4^2-"),
    ("NO <sub>3</sub> <sup>-</sup> N", "NO3- N"),
    ("Ca(OH) <sub>2</sub>", "Ca(OH)2"),
    ("a dose of 10 <sup>11</sup> vg/kg", "a dose of 10^11 vg/kg"),
    ("[ <sup>18</sup>F]FDG", "[ 18F]FDG"),
    ("in <sup>99m</sup>Tc scans", "in 99mTc scans"),
    ("x<sup>2</sup> + y<sup>2</sup>", "x^2 + y^2"),
    ("10<sup>−4</sup>M", "10^-4M"),
    ("1×10<sup>-4.5</sup>", "1×10^-4.5"),
    ("10<sup>log n</sup>", "10^(log n)"),
    ("C<sub>n</sub>H<sub>2n+2</sub>", "CnH2n+2"),
    ("K<sub>i</sub> = 3 nM; k<sub>on</sub>; k<sub>off</sub>", "Ki = 3 nM; kon; koff"),
    ("α<sub>2</sub>β<sub>1</sub> integrin", "α2β1 integrin"),
    ("α<sub>1</sub>-antitrypsin, β<sub>2</sub>-agonist", "α1-antitrypsin, β2-agonist"),
    ("TNF<sub>α</sub>", "TNFα"),
    ("F<sub>2,38</sub> = 4.1", "F2,38 = 4.1"),
    ("t<sub>38</sub> = 2.2", "t38 = 2.2"),
    ("pH<sub>i</sub>", "pHi"),
    ("dB<sub>A</sub>", "dBA"),
    ("kcal<sub>th</sub>", "kcalth"),
    ("R<sub>0</sub> of 2.5", "R0 of 2.5"),
    ("2<sup>o</sup> structure", "2° structure"),
    ("50<sup>th</sup>-75<sup>th</sup> percentile", "50th-75th percentile"),
    ("m/z 3<sup>2</sup>", "m/z 3^2"),
    ("<sup>1</sup>H-NMR and <sup>31</sup>P", "1H-NMR and 31P"),
    ("ATP<sup>4-</sup>, Mg-ATP<sup>2−</sup>", "ATP4-, Mg-ATP2-"),
    ("I<sub>Ca,L</sub>", "ICa,L"),
    ("K<sup>b</sup>D<sup>d</sup>", "KbDd"),
    ("Cu<sup>II</sup>", "CuII"),
    ("e<sup>2.3</sup>", "e^2.3"),
    ("<sup/>a<sub/>b<sup> </sup>c", "ab c"),
    ("nested <b>and <i>odd <sub>x</sub></i></b> end", "nested and odd x end"),
    ("a<br/>b<p>c</p>d", "a b c d"),
    (
        "thin\u2009space, no\u00a0break, zero\u200bwidth, soft\u00adhyphen",
        "thin space, no break, zerowidth, softhyphen",
    ),
    ("𝑝 = 0.03, 𝐑²", "p = 0.03, R²"),
    ("10⁻³ and m² stay", "10⁻³ and m² stay"),
    (
        '<img alt="an arrow"/> and <inline-graphic><alt-text>a cell</alt-text></inline-graphic>',
        "an arrow and a cell",
    ),
]
V, Q = (f'<mover accent="true"><mi>{letter}</mi><mo>{dot}</mo></mover>' for letter, dot in ("V˙", "Q."))
FORMULAS = [
    ("<msup><mn>10</mn><mrow><mo>-</mo><mn>3</mn></mrow></msup>", "10^-3"),
    ("<msup><mn>10</mn><mrow><mo>−</mo><mn>3</mn></mrow></msup>", "10^-3"),
    ("<msup><mn>10</mn><mn>-3</mn></msup>", "10^-3"),
    ("<mn>4.2</mn><mo>×</mo><msup><mn>10</mn><mn>6</mn></msup><mi>cells</mi>", "4.2×10^6 cells"),
    ("<msup><mrow><mn>1</mn><mn>0</mn></mrow><mn>6</mn></msup>", "10^6"),
    ("<msup><mi>R</mi><mn>2</mn></msup><mo>=</mo><mn>0.93</mn>", "R^2=0.93"),
    ("<msup><mi>e</mi><mrow><mo>-</mo><mi>k</mi><mi>t</mi></mrow></msup>", "e^-kt"),
    ("<msup><mn>2</mn><mrow><mi>n</mi><mo>+</mo><mn>1</mn></mrow></msup>", "2^(n+1)"),
    ("<msup><mi>x</mi><mfrac><mn>1</mn><mn>2</mn></mfrac></msup>", "x^(1/2)"),
    ("<msup><mfrac><mn>3</mn><mn>4</mn></mfrac><mn>2</mn></msup>", "(3/4)^2"),
    ("<msup><msup><mi>x</mi><mn>2</mn></msup><mn>3</mn></msup>", "(x^2)^3"),
    ("<msup><mn>37</mn><mo>∘</mo></msup><mi>C</mi>", "37°C"),
    ("<msup><mi>Ca</mi><mrow><mn>2</mn><mo>+</mo></mrow></msup>", "Ca2+"),
    ("<msubsup><mi>SO</mi><mn>4</mn><mrow><mn>2</mn><mo>−</mo></mrow></msubsup>", "SO4^2-"),
    ("<msubsup><mi>NO</mi><mn>3</mn><mo>-</mo></msubsup>", "NO3-"),
    ("<msub><mi>H</mi><mn>2</mn></msub><mi>O</mi>", "H2O"),
    ("<msub><mi>x</mi><mi>i</mi></msub>", "x_i"),
    ("<msub><mi>x</mi><mrow><mi>i</mi><mo>+</mo><mn>1</mn></mrow></msub>", "x_(i+1)"),
    ("<msub><mi>x</mi><mrow><mi>i</mi><mo>,</mo><mi>j</mi></mrow></msub>", "x_(i,j)"),
    ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup><mi>y</mi>", "x_i^2 y"),
    ("<msub><mi>V</mi><mi>max</mi></msub><mo>/</mo><msub><mi>K</mi><mi>m</mi></msub>", "Vmax/Km"),
    ("<msub><mi>t</mi><mfrac><mn>1</mn><mn>2</mn></mfrac></msub>", "t1/2"),
    ("<msub><mi>AUC</mi><mrow><mn>0</mn><mo>-</mo><mi>∞</mi></mrow></msub>", "AUC0-∞"),
    (f"{V}<msub><mi>O</mi><mrow><mn>2</mn><mi>m</mi><mi>a</mi><mi>x</mi></mrow></msub>", "VO2max"),
    (f"{V}<msub><mi>O</mi><mn>2</mn></msub><mi>m</mi><mi>a</mi><mi>x</mi>", "VO2max"),
    ("<mi>V</mi><mo>.</mo><mi>O</mi><mn>2</mn><mi>m</mi><mi>a</mi><mi>x</mi>", "VO2max"),
    (f"{V}<mo>/</mo>{Q}", "V/Q"),
    (f"{V}<msub><mi>O</mi><mn>2</mn></msub><mi>max</mi>", "VO2max"),
    ("<mi>V̇</mi><msub><mi>O</mi><mtext>2max</mtext></msub>", "VO2max"),
    ("<mfrac><mn>3</mn><mn>4</mn></mfrac>", "3/4"),
    ("<mn>1</mn><mfrac><mn>3</mn><mn>4</mn></mfrac>", "1 3/4"),
    ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac>", "(a+b)/c"),
    ("<mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mi>c</mi></mrow></mfrac>", "a/(b+c)"),
    ("<mfrac><mrow><mn>2</mn><mi>x</mi></mrow><mrow><mn>3</mn><mi>y</mi></mrow></mfrac>", "2x/(3y)"),
    ("<mfrac><mn>1</mn><mfrac><mn>2</mn><mi>x</mi></mfrac></mfrac>", "1/(2/x)"),
    ("<mfrac><mn>3</mn><mn>4</mn></mfrac><mi>x</mi>", "(3/4)x"),
    ("<mfrac><mrow><mo>-</mo><mn>1</mn></mrow><mn>2</mn></mfrac>", "-1/2"),
    ("<mfrac><mtext>dose given</mtext><mtext>body weight</mtext></mfrac>", "(dose given)/(body weight)"),
    ("<mfrac><mi>mg</mi><mi>kg</mi></mfrac>", "mg/kg"),
    ("<mfrac><mi>a</mi><msup><mi>b</mi><mn>2</mn></msup></mfrac>", "a/b^2"),
    ("<mfrac><mrow><mo>(</mo><mi>a</mi><mo>+</mo><mi>b</mi><mo>)</mo></mrow><mi>c</mi></mfrac>", "(a+b)/c"),
    (
        "<mfrac><mrow><mo>(</mo><mi>a</mi><mo>)</mo><mo>+</mo><mo>(</mo><mi>b</mi><mo>)</mo></mrow>"
        "<mi>c</mi></mfrac>",
        "((a)+(b))/c",
    ),
    ("<mfenced><mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac></mfenced>", "(n choose k)"),
    ("<msqrt><mi>x</mi></msqrt>", "sqrt(x)"),
    ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", "sqrt(x+1)"),
    ("<mn>2</mn><msqrt><mn>3</mn></msqrt>", "2 sqrt(3)"),
    ("<mroot><mi>x</mi><mn>3</mn></mroot>", "x^(1/3)"),
    ("<mroot><mrow><mi>x</mi><mo>+</mo><mn>1</mn></mrow><mi>n</mi></mroot>", "(x+1)^(1/n)"),
    ("<mover><mi>x</mi><mo>¯</mo></mover><mo>±</mo><mi>s</mi>", "x̄±s"),
    ("<mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>¯</mo></mover>", "AB"),
    ("<mover><mi>y</mi><mo>^</mo></mover>", "ŷ"),
    ("<munder><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder><mi>f</mi>", "lim_(x→0) f"),
    (
        "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"
        "<msub><mi>x</mi><mi>i</mi></msub>",
        "∑_(i=1)^n x_i",
    ),
    ("<msub><mi>log</mi><mn>10</mn></msub><mi>x</mi>", "log10 x"),
    (
        "<mi>log</mi><mo>&#x2061;</mo><mi>x</mi><mo>+</mo><mi>ln</mi><mo>(</mo><mi>y</mi><mo>)</mo>",
        "log x+ln(y)",
    ),
    ("<mn>2</mn><mo>&#x2062;</mo><mi>x</mi><mo>&#x2062;</mo><mi>y</mi>", "2xy"),
    ("<mn>1</mn><mo>&#x2064;</mo><mfrac><mn>1</mn><mn>2</mn></mfrac>", "1 1/2"),
    ("<mn>0</mn><mo>.</mo><mn>05</mn>", "0.05"),
    ("<mn>1</mn><mo>,</mo><mn>000</mn>", "1,000"),
    ("<mi>f</mi><mo>(</mo><mi>a</mi><mo>,</mo><mi>b</mi><mo>)</mo>", "f(a, b)"),
    ("<mfenced open='[' close=']' separators=';'><mi>a</mi><mi>b</mi></mfenced>", "[a; b]"),
    ("<mi>P</mi><mo>&lt;</mo><mn>0.05</mn>", "P<0.05"),
    ("<mn>5</mn><mspace width='0.3em'/><mtext>mg</mtext>", "5 mg"),
    ("<mn>5</mn><mtext>&#160;mg</mtext>", "5 mg"),
    ("<mi>x</mi><mtext> if </mtext><mi>y</mi>", "x if y"),
    ("<mi>a</mi><mo>and</mo><mi>b</mi>", "a and b"),
    ("<mmultiscripts><mi>F</mi><mprescripts/><none/><mn>18</mn></mmultiscripts>", "18F"),
    ("<mmultiscripts><mi>C</mi><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts>", "14C"),
    ("<mi>CO</mi><msub><mrow/><mn>2</mn></msub>", "CO2"),
    (
        "<mrow><mo>[</mo><mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>"
        "<mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr></mtable><mo>]</mo></mrow>",
        "[a, b; c, d]",
    ),
    ("<mtable><mtr><mtd><mi>y</mi></mtd><mtd><mo>=</mo><mn>2</mn><mi>x</mi></mtd></mtr></mtable>", "y=2x"),
    ("<mstyle><mpadded><mi mathvariant='bold'>𝐱</mi></mpadded></mstyle><mphantom><mi>z</mi></mphantom>", "x"),
    (
        "<semantics><mrow><mi>a</mi></mrow><annotation encoding='application/x-tex'>\\alpha</annotation>"
        "</semantics>",
        "a",
    ),
    ("<mi>k</mi><mi>g</mi><mo>/</mo><msup><mi>m</mi><mn>2</mn></msup>", "kg/m^2"),
    ("<mrow><mrow><mrow><mi>n</mi></mrow></mrow><mo>=</mo><mn>12</mn></mrow>", "n=12"),
    ("<msup><mi>p</mi><mo>*</mo></msup><mo>,</mo><msup><mi>y</mi><mo>′</mo></msup>", "p*, y′"),
    ("<menclose notation='radical'><mn>7</mn></menclose>", "sqrt(7)"),
    ("<mrow><mi>n</mi><mo>=</mo><mn>3</mn><mo>×</mo><msup><mn>10</mn><mn>5</mn></msup></mrow>", "n=3×10^5"),
    ("<msup><mi>s</mi><mrow><mo>-</mo><mn>1</mn></mrow></msup>", "s^-1"),
    (
        "<msub><mover><mi>V</mi><mo>˙</mo></mover><mrow><msub><mi>O</mi><mn>2</mn></msub><mi>max</mi>"
        "</mrow></msub>",
        "VO2max",
    ),
    ("<mstyle displaystyle='true'><mfrac><mn>1</mn><mn>2</mn></mfrac></mstyle>", "1/2"),
    (
        "<mfrac><mrow><mi>A</mi><mo>-</mo><mi>B</mi></mrow><mrow><mi>A</mi><mo>+</mo><mi>B</mi>"
        "</mrow></mfrac>",
        "(A-B)/(A+B)",
    ),
    ("<mfrac bevelled='true'><mn>5</mn><mn>8</mn></mfrac>", "5/8"),
    ("<mn>2</mn><mfrac><mn>1</mn><mn>3</mn></mfrac>", "2 1/3"),
    ("<msqrt><mfrac><mi>a</mi><mi>b</mi></mfrac></msqrt>", "sqrt(a/b)"),
    (
        "<msqrt><mrow><msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><msup><mi>y</mi><mn>2</mn></msup>"
        "</mrow></msqrt>",
        "sqrt(x^2+y^2)",
    ),
    ("<msubsup><mi>PO</mi><mn>4</mn><mrow><mn>3</mn><mo>-</mo></mrow></msubsup>", "PO4^3-"),
    ("<msup><mi>Na</mi><mo>+</mo></msup>", "Na+"),
    ("<msub><mi>C</mi><mrow><mi>m</mi><mi>a</mi><mi>x</mi></mrow></msub>", "Cmax"),
    (
        "<msub><mi>T</mi><mtext>max</mtext></msub><mo>=</mo><mn>2</mn><mspace width='0.2em'/><mi>h</mi>",
        "Tmax=2 h",
    ),
    ("<msub><mi>IC</mi><mn>50</mn></msub>", "IC50"),
    ("<mtext>95% CI</mtext><mo>:</mo><mn>1.1</mn><mo>–</mo><mn>2.3</mn>", "95% CI:1.1–2.3"),
    ("<mo>(</mo><mi>p</mi><mo>&lt;</mo><mn>0.001</mn><mo>)</mo>", "(p<0.001)"),
    ("<mo>±</mo><mn>0.4</mn>", "±0.4"),
    ("<mn>95</mn><mo>%</mo>", "95%"),
    ("<mi>α</mi><mo>=</mo><mn>0.05</mn>", "α=0.05"),
    ("<msup><mi>χ</mi><mn>2</mn></msup>", "χ^2"),
    ("<msup><mn>10</mn><mrow><mn>5</mn><mo>.</mo><mn>5</mn></mrow></msup>", "10^5.5"),
    ("<munderover><mo>∫</mo><mn>0</mn><mi>∞</mi></munderover><mi>f</mi>", "∫_0^∞ f"),
    (
        "<msubsup><mo>∫</mo><mn>0</mn><mi>t</mi></msubsup><mi>f</mi><mo>(</mo><mi>s</mi><mo>)</mo>",
        "∫_0^t f(s)",
    ),
    ("<msup><mrow><mo>(</mo><mn>1</mn><mo>+</mo><mi>r</mi><mo>)</mo></mrow><mi>n</mi></msup>", "(1+r)^n"),
    ("<mo>|</mo><mi>x</mi><mo>|</mo>", "|x|"),
    ("<mn>3</mn><mo>:</mo><mn>1</mn>", "3:1"),
    ("<mn>1</mn><mo>/</mo><mn>3</mn>", "1/3"),
    (
        "<mrow><mi>k</mi><mo>=</mo><mi>A</mi><msup><mi>e</mi><mrow><mo>-</mo><mfrac><msub><mi>E</mi>"
        "<mi>a</mi></msub><mrow><mi>R</mi><mi>T</mi></mrow></mfrac></mrow></msup></mrow>",
        "k=Ae^(-Ea/RT)",
    ),
    ("<mi>N</mi><msub><mi>a</mi><mtext>+</mtext></msub>", "Na_+"),
    (
        "<mrow><mi>B</mi><mi>M</mi><mi>I</mi></mrow><mo>=</mo><mfrac><mrow><mi>w</mi><mi>e</mi><mi>i"
        "</mi><mi>g</mi><mi>h</mi><mi>t</mi></mrow><msup><mrow><mi>h</mi><mi>e</mi><mi>i</mi><mi>g"
        "</mi><mi>h</mi><mi>t</mi></mrow><mn>2</mn></msup></mfrac>",
        "BMI=weight/height^2",
    ),
    (
        "<mtext>Accuracy</mtext><mo>=</mo><mfrac><mrow><mtext>TP</mtext><mo>+</mo><mtext>TN</mtext>"
        "</mrow><mtext>N</mtext></mfrac>",
        "Accuracy=(TP+TN)/N",
    ),
    ("<mover><mi>x</mi><mo stretchy='false'>¯</mo></mover><mo>±</mo><mi>s</mi>", "x̄±s"),
    ("<mrow><mo>[</mo><msup><mrow/><mn>18</mn></msup><mi>F</mi><mo>]</mo></mrow>", "[18F]"),
    ("<mn>2</mn><mi>π</mi><mi>r</mi>", "2πr"),
    ("<mfrac><mi>d</mi><mrow><mi>d</mi><mi>t</mi></mrow></mfrac><mi>x</mi>", "(d/dt)x"),
    ("<mn>3</mn><mo>\u2062</mo><mfrac><mn>1</mn><mn>2</mn></mfrac>", "3 1/2"),
    ("<mn>12</mn><mo>.</mo><mn>5</mn><mo>%</mo>", "12.5%"),
    ("<mi>n</mi><mo>≥</mo><mn>5</mn><mo>,</mo><mi>p</mi><mo>&lt;</mo><mn>.01</mn>", "n≥5, p<.01"),
    ("<msup><mi>A</mi><mi>T</mi></msup><mi>B</mi>", "A^T B"),
    ("<msub><mi>β</mi><mn>1</mn></msub><mo>+</mo><msub><mi>β</mi><mn>2</mn></msub>", "β1+β2"),
    ("<msub><mi>β</mi><mn>1</mn></msub><mn>5</mn>", "β1 5"),
    ("<mroot><mn>8</mn><mn>3</mn></mroot>", "8^(1/3)"),
    ("<mroot><mn>8</mn><mn>2</mn></mroot>", "sqrt(8)"),
    ("<msup><msqrt><mi>x</mi></msqrt><mn>3</mn></msup>", "sqrt(x)^3"),
    (
        "<mrow><mi>f</mi><mo>=</mo><mo>{</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mtext>if "
        "</mtext><mi>x</mi></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mtext>else</mtext></mtd></mtr>"
        "</mtable></mrow>",
        "f={1, if x; 0, else",
    ),
]
# Formulas in their surroundings.
AMONG_TEXT = [
    ("at <math><mn>5</mn></math>, then", "at 5, then"),
    ("10<math><msup><mrow/><mrow><mo>-</mo><mn>3</mn></mrow></msup></math> M", "10^-3 M"),
    (
        "Ca<math><msup><mrow/><mrow><mn>2</mn><mo>+</mo></mrow></msup></math> and "
        "CO<math><msub><mi/><mn>2</mn></msub></math>",
        "Ca2+ and CO2",
    ),
    ("<math><msup><mrow/><mn>18</mn></msup><mi>F</mi></math>-FDG", "18F-FDG"),
    ("37 <math><msup><mrow/><mo>∘</mo></msup></math>C", "37 °C"),
    (f"<math>{V}</math>O<sub>2max</sub> rose", "VO2max rose"),
    ("see <DispFormula>\n <math><mi>a</mi><mo>=</mo><mi>b</mi></math>\n</DispFormula>below", "see a=b below"),
    ("the <InlineFormula>\n <math>\n <mi>a</mi>\n </math>\n</InlineFormula>.", "the a."),
    (
        "x <inline-formula><alternatives><tex-math>$a$</tex-math><math><mi>a</mi></math></alternatives>"
        "</inline-formula> y",
        "x a y",
    ),
    ("see <math alttext='a over b'/> there", "see a over b there"),
    ("<math>x</math> and <math><mrow>y<mo>=</mo>z</mrow></math>", "x and y=z"),
    ("10<sup><math><mo>-</mo><mn>3</mn></math></sup>", "10^-3"),
]
# Escaped once too often: what arrives as text in a parsed document.
ESCAPED = [
    ("p &lt; 0.05 and q &gt; 1", "p < 0.05 and q > 1"),
    ("p &amp;lt; 0.05", "p < 0.05"),
    ("IL-1&amp;#x3b2;, IL-1&amp;#946;, IL-1&amp;beta;", "IL-1β, IL-1β, IL-1β"),
    ("R&amp;amp;D, R&amp;D, AT&amp;T", "R&D, R&D, AT&T"),
    ("37 &amp;#176;C, 5&amp;nbsp;mg", "37 °C, 5 mg"),
    ("&amp;amp;lt; is decoded once", "&lt; is decoded once"),
    ("&amp;copy or &amp;notanentity; stay", "&copy or &notanentity; stay"),
    ("bad &amp;#0;, &amp;#xD800; and &amp;#99999999;", "bad \ufffd, \ufffd and &#99999999;"),
    ("Ca&lt;sup&gt;2+&lt;/sup&gt;, H&lt;sub&gt;2&lt;/sub&gt;O", "Ca2+, H2O"),
    ("10&lt;SUP&gt;-3&lt;/SUP&gt;", "10^-3"),
    ("10&amp;lt;sup&amp;gt;-3&amp;lt;/sup&amp;gt;", "10^-3"),
    ("&lt;i&gt;E. <b>coli</b>&lt;/i&gt; grew", "E. coli grew"),
    ("&lt;i&gt;a&lt;b&gt;c&lt;/i&gt;d&lt;/b&gt;", "acd"),
    ("if a&lt;b&gt;c then", "if a<b>c then"),
    ("&lt;unknown&gt;x&lt;/unknown&gt; and &lt;5&gt;", "<unknown>x</unknown> and <5>"),
    ("a&lt;br&gt;b&lt;br/&gt;c", "a b c"),
    ('&lt;span class="x"&gt;a&lt;/span&gt;', "a"),
    (
        "&lt;mml:msup&gt;&lt;mml:mn&gt;10&lt;/mml:mn&gt;&lt;mml:mn&gt;6&lt;/mml:mn&gt;&lt;/mml:msup&gt;",
        "10^6",
    ),
    ("<b>&lt;i&gt;x</b>&lt;/i&gt;", "<i>x</i>"),
    ("p &amp;lt; .05, &amp;plusmn;2, 5 &amp;micro;g, &amp;ge;3", "p < .05, ±2, 5 µg, ≥3"),
    ("H&amp;#60;sub&amp;#62;2&amp;#60;/sub&amp;#62;O", "H2O"),
    ("&lt;jats:p&gt;One.&lt;/jats:p&gt;&lt;jats:p&gt;Two.&lt;/jats:p&gt;", "One. Two."),
    ('&lt;italic toggle="yes"&gt;in vitro&lt;/italic&gt; work', "in vitro work"),
    ("CO&lt;inf&gt;2&lt;/inf&gt;", "CO2"),
    ("5 &lt; 6 and 7 &gt; 3; n&lt;5", "5 < 6 and 7 > 3; n<5"),
    ("β&amp;amp;#8209;blocker", "β&#8209;blocker"),
    ("<sup>a</sup>P &lt; .05", "aP < .05"),
]


@pytest.mark.parametrize(("markup", "text"), INLINE)
def test_inline_tags(markup, text):
    assert said(markup) == text


@pytest.mark.parametrize(("markup", "text"), FORMULAS)
def test_formulas(markup, text):
    assert said(f"<math>{markup}</math>") == text
    assert said(f"is <math display='inline'><mrow>{markup}</mrow></math>.") == f"is {text}."


@pytest.mark.parametrize(("markup", "text"), FORMULAS)
def test_layout_of_a_formula_is_no_text(markup, text):
    root = ElementTree.fromstring(f"<AbstractText>is <math>{markup}</math>.</AbstractText>")
    ElementTree.indent(root[0], "        ")
    root[0].tail = "."
    for token in root.iter():
        if token.tag in {"mi", "mn", "mo"} and token.text:
            token.text = f"\n      {token.text}\n      "
    assert readable(root) == f"is {text}."


@pytest.mark.parametrize(("markup", "text"), AMONG_TEXT)
def test_formulas_among_text(markup, text):
    assert said(markup) == text


@pytest.mark.parametrize(("markup", "text"), ESCAPED)
def test_what_was_escaped_twice(markup, text):
    assert said(markup) == text


def test_headings_inside_a_text_cut_it():
    element = ElementTree.fromstring(
        "<AbstractText>Zero. &lt;h4&gt;Aims:&lt;/h4&gt;One.<title>The <i>ends</i></title>"
        "&lt;h4&gt;Empty&lt;/h4&gt; <p>Two.</p></AbstractText>"
    )
    assert parts_of(element) == [("", "Zero."), ("Aims", "One."), ("Empty", "Two.")]
    assert readable(element) == "Zero. Aims: One. The ends Empty Two."


def test_nothing_gives_nothing():
    assert readable(None) == ""
    assert said("") == said("<sup/>") == said("<math/>") == said(" <i> </i> ") == ""
    assert unescaped(" AIMS &amp;\n SCOPE ") == "AIMS & SCOPE"


@pytest.mark.parametrize(
    "tag", ["i", "sup", "mrow", "msqrt", "msup", "mover", "mfenced", "mtable", "alternatives"]
)
def test_deep_nesting_is_read_without_recursion(tag):
    opened, closed = f"<{tag}>" * 20_000, f"</{tag}>" * 20_000
    assert "core" in said(f"{opened}core{closed}")
    assert "core" in said(f"<math>{opened}core{closed}</math>")


def test_formulas_are_read_up_to_their_depth():
    nested = "x"
    for _ in range(MAX_DEPTH // 2):
        nested = f"<msqrt><mi>{nested}</mi></msqrt>" if nested == "x" else f"<msqrt>{nested}</msqrt>"
    assert said(f"<math>{nested}</math>") == "sqrt(" * (MAX_DEPTH // 2) + "x" + ")" * (MAX_DEPTH // 2)


def read_ratio(short, long):
    """How many times what the short inner text of an abstract costs the long one costs to read."""
    trees = (ElementTree.fromstring(f"<AbstractText>{inner}</AbstractText>") for inner in (short, long))
    return ratio_of(readable, *trees, least_s=0.002)


HOSTILE = {
    "sups": "<sup>-</sup>",
    "digits": "1<sup>2</sup>",
    "padded": "CO <sub>2</sub> ",
    "spaces": " ",
    "newlines and tags": "\n<i/>",
    "tags as text": "&lt;i&gt;",
    "pairs as text": "&lt;i&gt;x&lt;/i&gt;",
    "crossing tags": "&lt;i&gt;&lt;b&gt;&lt;/i&gt;&lt;/b&gt;",
    "open angle": "&lt;",
    "angle and letters": "&lt;i ",
    "entities": "&amp;#946;",
    "half entities": "&amp;",
    "headings": "&lt;h4&gt;a&lt;/h4&gt;b",
    "tokens": "<mi>a</mi>",
    "operators": "<mo>,</mo>",
    "open brackets": "<mo>(</mo>",
    "fractions": "<mfrac><mn>1</mn><mn>2</mn></mfrac>",
    "bases": "<msup><mrow/><mn>2</mn></msup>",
    "blank text": "<mtext> </mtext>",
    "brackets": "<mfenced><mi>a</mi></mfenced>",
    "rows": "<mtable><mtr><mtd>1</mtd></mtr></mtable>",
    "tens": "10<sup>-</sup> ",
    "one word": "a",
    "zero width": "\u200b",
    "styled": "𝑝",
}


WIDE = [
    "<mfenced>{}</mfenced>",
    "<mtable><mtr>{}</mtr></mtable>",
    "<mtable>{}</mtable>",
    "<mmultiscripts>{}</mmultiscripts>",
]


@pytest.mark.parametrize("around", WIDE)
def test_wide_formulas_cost_near_linear(around):
    short, long = (around.format("<mi>a</mi>" * count) for count in (2_500, 10_000))
    assert read_ratio(short, long) < MAX_RATIO


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("around", ["{}", "<math><mrow>{}</mrow></math>"], ids=["text", "formula"])
def test_cost_is_near_linear(piece, around):
    short, long = (around.format(piece * (chars // len(piece))) for chars in (25_000, 100_000))
    assert read_ratio(short, long) < MAX_RATIO


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        ("<msup><mi>", "</mi><mn>2</mn></msup>"),
        ("&lt;i&gt;", "&lt;/i&gt;"),
        ("<msqrt>", "</msqrt>"),
        ("<sup>", "</sup>"),
    ],
)
def test_cost_of_depth_is_near_linear(opened, closed):
    short, long = (f"{opened * levels}x{closed * levels}" for levels in (5_000, 20_000))
    assert read_ratio(short, long) < MAX_RATIO


TAGS = [
    "sup",
    "sub",
    "i",
    "p",
    "h4",
    "math",
    "mrow",
    "mi",
    "mo",
    "mn",
    "msup",
    "msub",
    "mfrac",
    "msqrt",
    "mroot",
]
TAGS += [
    "mover",
    "munderover",
    "mmultiscripts",
    "mprescripts",
    "mtable",
    "mtr",
    "mtd",
    "mfenced",
    "mtext",
    "none",
]


def trees():
    texts = st.text("a1-+ .,()Vx\n^°&<>;lt/β", max_size=6)
    leaf = st.builds(lambda tag, text, tail: (tag, text, tail, []), st.sampled_from(TAGS), texts, texts)
    return st.recursive(
        leaf,
        lambda below: st.builds(
            lambda tag, text, tail, children: (tag, text, tail, children),
            st.sampled_from(TAGS),
            texts,
            texts,
            st.lists(below, max_size=4),
        ),
        max_leaves=15,
    )


def element_of(tree):
    tag, text, tail, children = tree
    made = ElementTree.Element(tag)
    made.text, made.tail = text, tail
    made.extend(map(element_of, children))
    return made


@settings(max_examples=300, deadline=None)
@given(trees())
def test_no_text_is_lost(tree):
    root = ElementTree.Element("AbstractText")
    root.append(element_of(tree))
    for number, element in enumerate(e for e in root.iter() if e is not root):
        element.text, element.tail = f"w{number}x", f" y{number}z "
    text = readable(root)
    # An atomic number beside a nuclide's mass number is the one thing that is not said.
    if root.find(".//mprescripts") is None:
        assert all(word in text for e in root.iter() if e is not root for word in (e.text, e.tail.strip()))


@settings(max_examples=300, deadline=None)
@given(trees())
def test_any_tree_gives_one_plain_line(tree):
    root = ElementTree.Element("AbstractText")
    root.append(element_of(tree))
    text = readable(root)
    assert text == " ".join(text.split())
    assert not re.search("[\x00-\x1f]", text)
    for heading, body in parts_of(root):
        assert body.strip() == body != ""
        assert heading.strip() == heading
