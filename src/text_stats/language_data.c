/* Stop words: articles, pronouns, prepositions, conjunctions, auxiliary verbs and the commonest
 * adverbs. Trigrams: the commonest ones of each language's prose. */
#include "text_stats/language.h"

const struct language_data language_data[LANGUAGE_COUNT] = {
    [LANGUAGE_DE] =
        {"de",
         "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner "
         "und oder aber denn sondern doch wenn weil dass daß ob als wie da damit obwohl während "
         "bevor nachdem ich du er sie es wir ihr mich dich ihn uns euch mir dir ihm ihnen sich man "
         "mein meine meinen meinem meiner dein deine sein seine seinen seinem seiner ihre ihren "
         "ihrem ihrer unser unsere unseren euer eure dieser diese dieses diesem diesen jener jene "
         "jeder jede jedes jedem jeden alle allem allen aller alles viele viel wenig mehr welche "
         "welcher welches was wer wen wem wo wohin woher wann warum in im ins an am ans auf aus "
         "bei beim bis durch für gegen ohne um von vom vor mit nach seit über unter zu zum zur "
         "zwischen wegen ist sind war waren bin bist seid wäre wären sei gewesen wird werden wurde "
         "wurden worden würde würden hat habe haben hast hatte hatten hätte hätten kann können "
         "könnte konnte konnten muss müssen musste soll sollen sollte will wollen wollte darf "
         "dürfen mag möchte nicht nichts nie nur noch nun so sehr schon auch dann dort hier immer "
         "wieder also etwa etwas einmal ja nein zwar jedoch selbst bereits ganz",
         "en_ er_ _de der ie_ ich sch ein che die _di den in_ te_ ch_ _ei ung nd_ und _un _ge nde "
         "gen ine es_ _da ten cht ne_ _be _ve ver ter hen ng_ _zu _we _au it_ _in st_ isc eit"},
    [LANGUAGE_EN] =
        {"en",
         "the a an and or but nor so if because as until while although though whether than that "
         "this these those there here i you he she it we they me him her us them my your his its "
         "our their mine yours hers ours theirs myself yourself himself herself itself themselves "
         "who whom whose which what when where why how of at by for with about against between "
         "into through during before after above below to from up down in out on off over under "
         "again further then once is am are was were be been being have has had having do does did "
         "doing will would shall should can could may might must cannot not no yes only own same "
         "too very just also even still ever never all any both each every few more most other "
         "some such many much another one upon within without toward towards among don't doesn't "
         "didn't isn't aren't wasn't weren't won't wouldn't can't couldn't shouldn't haven't "
         "hasn't hadn't it's i'm i've i'll i'd you're you've you'll he's she's we're we've we'll "
         "they're they've they'll that's there's what's let's",
         "_th the he_ nd_ _an and ing ng_ _to _of of_ to_ ed_ _in ion er_ _a_ is_ tio on_ es_ re_ "
         "as_ _he at_ ent _co ati _be or_ _wa _wh hat tha her ly_ ll_ ere for _fo ter _it _ha"},
    [LANGUAGE_ES] =
        {"es",
         "el la los las un una unos unas lo al del y e o u ni pero sino que porque pues si cuando "
         "como donde aunque mientras yo tú él ella ello nosotros nosotras vosotros ellos ellas "
         "usted ustedes me te se nos os le les mí ti sí mi mis tu tus su sus nuestro nuestra "
         "nuestros nuestras este esta esto estos estas ese esa eso esos esas aquel aquella "
         "aquellos "
         "aquellas quien quienes cual cuales cuyo cuya qué quién cuál cuándo cómo dónde cuánto a "
         "ante bajo con contra de desde en entre hacia hasta para por según sin sobre tras durante "
         "es son era eran fue fueron ser sido siendo soy eres somos sea sean será serán sería está "
         "están estaba estaban estar estado estoy ha han he has hemos había habían haber hay hubo "
         "haya tiene tienen tener tenía puede pueden poder podía hace hacer no nunca nada nadie "
         "muy "
         "más menos mucho mucha muchos muchas poco otro otra otros otras todo toda todos todas "
         "algo alguno alguna algunos algunas cada también tan tanto así ya aún solo sólo siempre "
         "entonces después antes ahora aquí allí",
         "_de de_ os_ la_ _la el_ es_ _qu que ue_ ón_ as_ _el en_ _en ión aci ció ado nte _co ent "
         "con los ien ar_ _lo _se del ra_ do_ _un est _pa _po ndo res par dad ero"},
    [LANGUAGE_FR] =
        {"fr",
         "le la les l' un une des du de d' au aux et ou mais donc or ni car que qu' qui quoi dont "
         "où si comme quand lorsque lorsqu' puisque puisqu' parce je j' tu il elle on nous vous "
         "ils "
         "elles me m' te t' se s' lui leur leurs eux moi toi soi mon ma mes ton ta tes son sa ses "
         "notre nos votre vos ce c' cet cette ces celui celle ceux celles cela ça ceci quel quelle "
         "quels quelles lequel laquelle à dans par pour en vers avec sans sous sur chez entre "
         "contre depuis pendant avant après jusque jusqu' est sont était étaient être été suis es "
         "sommes êtes sera seront serait soit fut furent étant a ai as avons avez ont avait "
         "avaient avoir eu aura auront aurait ait peut peuvent pouvoir doit doivent fait faire n' "
         "ne pas plus moins rien jamais personne aucun aucune très trop peu beaucoup tout toute "
         "tous toutes autre autres même mêmes aussi ainsi alors encore déjà toujours ici là bien "
         "y quelque quelques chaque plusieurs non oui",
         "_de es_ de_ ent nt_ _le le_ les re_ que ue_ on_ ion ne_ _la la_ tio _co ait _pa des _qu "
         "_l' _d' ons eur er_ _un une ment _en en_ our _po ux_ it_ is_ qui ous tre ans eme"},
    [LANGUAGE_IT] =
        {"it",
         "il lo la l' i gli le un uno una un' e ed o ma però perché che chi cui se quando come "
         "dove "
         "mentre anche né di a da in con su per tra fra del dello della dell' dei degli delle al "
         "allo alla all' ai agli alle dal dallo dalla dall' dai dagli dalle nel nello nella nell' "
         "nei negli nelle sul sullo sulla sull' sui sugli sulle col coi io tu lui lei egli ella "
         "esso essa noi voi loro essi mi ti ci vi si me te sé ne mio mia miei mie tuo tua suo sua "
         "suoi sue nostro nostra nostri nostre vostro questo questa questi queste quest' quello "
         "quella quelli quelle quell' quei quegli c' d' cosa quale quali quanto è sono era erano "
         "essere stato stata stati state fu furono sia siano sarà saranno sarebbe siamo sei ha "
         "hanno ho hai abbiamo aveva avevano avere avuto abbia può possono potere deve fa fare non "
         "no più meno molto molta molti molte poco tutto tutta tutti tutte altro altra altri altre "
         "ogni qualche alcuni alcune sempre mai ancora già poi così qui lì ora solo senza sotto "
         "sopra dopo prima contro verso dunque quindi",
         "_di di_ to_ la_ che _ch he_ re_ ion zio ell lla are _co _de del ne_ no_ _la one ent ta_ "
         "per _pe te_ ere con _in non _no ato _il il_ le_ i_e gli ment tti sta _un ll' ità"},
    [LANGUAGE_NL] =
        {"nl",
         "de het een en of maar want dus dat die dit deze als omdat terwijl hoewel wanneer toen "
         "indien ik jij je u hij zij ze wij we jullie mij me jou hem haar ons hen hun mijn jouw uw "
         "zijn onze zich wie wat waar hoe waarom welke welk er daar hier in op aan van voor met "
         "bij uit tot naar over onder door om tussen tegen zonder na te ten ter sinds tijdens "
         "volgens is was waren ben bent wordt worden werd werden geworden geweest heeft hebben heb "
         "hebt had hadden gehad kan kunnen kon konden moet moeten moest zal zullen zou zouden wil "
         "willen wilde mag mogen doet doen gaat gaan niet geen nooit niets iets iemand niemand ook "
         "nog al nu dan zo zeer heel veel weinig meer meest andere ander alle alles elk elke ieder "
         "iedere beide zelf weer toch wel altijd slechts reeds echter echt eens",
         "en_ _de de_ et_ an_ het _he _va van een _ee aar er_ oor _en ijk ver _ve te_ _ge den ing "
         "gen in_ _in ng_ _be der sch ij_ eer ten _op op_ _di at_ lij men aan _wo jn_ ord"},
    [LANGUAGE_PT] =
        {"pt",
         "o a os as um uma uns umas ao aos à às do da dos das no na nos nas num numa pelo pela "
         "pelos pelas e ou mas nem porém que porque pois se quando como onde embora enquanto eu tu "
         "ele ela nós vós eles elas você vocês me te lhe lhes mim ti si meu minha meus minhas teu "
         "tua seu sua seus suas nosso nossa nossos nossas este esta isto estes estas esse essa "
         "isso "
         "esses essas aquele aquela aquilo aqueles aquelas deste desta disto desse dessa nesse "
         "nessa neste nesta quem qual quais cujo cuja quê de em por para com sem sob sobre entre "
         "até desde após contra durante é são era eram foi foram ser sido sendo sou somos seja "
         "sejam será serão seria está estão estava estavam estar estado tem têm tinha tinham ter "
         "tido há havia houve haver pode podem poder podia faz fazer vai vão não nunca nada "
         "ninguém muito muita muitos muitas mais menos pouco outro outra outros outras todo toda "
         "todos todas tudo algo algum alguma alguns algumas cada também tão tanto assim já ainda "
         "só sempre então depois antes agora aqui ali lá mesmo",
         "_de os_ de_ que _qu ue_ ão_ as_ do_ _co da_ em_ ent _se o_d ção açã nte es_ _pa ara _do "
         "ra_ _da com _a_ _o_ ado par est uma _um _po não _nã dos ment res ões _e_ ão"},
    [LANGUAGE_SV] =
        {"sv",
         "och eller men utan att som om när då medan eftersom därför innan sedan en ett den det de "
         "denna detta dessa jag du han hon vi ni dem mig dig honom henne oss er sig min mitt mina "
         "din ditt dina sin sitt sina hans hennes dess vår vårt våra deras vad vem vilken vilket "
         "vilka var vart hur varför i på av för med till från vid hos mot över under genom mellan "
         "efter före ur åt inom utom kring ur är var vara varit blir bli blev blivit har hade ha "
         "haft kan kunna kunde ska skall skulle vill vilja ville måste får få fick bör inte icke "
         "ej aldrig ingen inget inga något någon några man alla allt all annan annat andra varje "
         "mycket många mer mest få lite mindre också även bara endast så mycket här där nu ännu "
         "redan alltid igen ju väl nog sådan sådana samma själv både samt än",
         "en_ et_ _oc och ch_ er_ för _fö att tt_ ar_ _at _de den det ing _so som _me _av av_ de_ "
         "na_ _in an_ ör_ and sta _ha ade lig ter _si är_ _är _på på_ om_ nde ill gen a_s skr"},
};
